// Defines a finding of `config check`, and collects the findings of one entry of the configuration.
import type { LoadedConfig } from '../config/index.ts';

export interface ConfigFinding {
  /** `error`: the entry can never work. `warning`: the entry works, but probably not as intended. */
  readonly severity: 'error' | 'warning';
  /** The entry, such as `channels.fall`. */
  readonly entry: string;
  /** Path of the key to correct. */
  readonly path: readonly string[];
  /** A sentence without a full stop. */
  readonly reason: string;
  /** A line of YAML for the entry, such as `field: percentage`; null if no line can be suggested. */
  readonly suggestion: string | null;
  /** A command that removes the fault, such as the installation of a package; null if the configuration has to change. */
  readonly command: string | null;
}

/** An entry that could not be checked completely. */
export interface Unchecked {
  readonly entry: string;
  readonly reason: string;
}

interface Advice {
  readonly suggestion?: string | undefined;
  readonly command?: string | undefined;
}

export type Layers = Pick<LoadedConfig, 'origin' | 'defaultOf'>;

/** The findings of one entry, such as a channel. */
export class EntryFindings {
  readonly #path: readonly string[];
  readonly #layers: Layers;
  readonly list: ConfigFinding[] = [];

  constructor(path: readonly string[], layers: Layers) {
    this.#path = path;
    this.#layers = layers;
  }

  get entry(): string {
    return this.#path.join('.');
  }

  /** Whether the key's value is from the given file, from the default file, or from the schema (undefined). */
  originOf(...key: readonly string[]): ReturnType<LoadedConfig['origin']> {
    return this.#layers.origin([...this.#path, ...key]);
  }

  /** The value of a key in the default file. */
  defaultOf(key: string): unknown {
    return this.#layers.defaultOf([...this.#path, key]);
  }

  /** @param keys the keys that cause the fault. The finding points to the first of them that the given file contains, else to the entry. */
  error(keys: readonly string[], reason: string, advice: Advice = {}): void {
    this.#add('error', keys, reason, advice);
  }

  warning(keys: readonly string[], reason: string, advice: Advice = {}): void {
    this.#add('warning', keys, reason, advice);
  }

  #add(severity: ConfigFinding['severity'], keys: readonly string[], reason: string, { suggestion, command }: Advice): void {
    const key = keys.find((each) => this.originOf(each) === 'file');
    const path = key === undefined ? this.#path : [...this.#path, key];
    this.list.push({ severity, entry: this.entry, path, reason, suggestion: suggestion ?? null, command: command ?? null });
  }
}
