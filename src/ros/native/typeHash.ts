// Reads the hashes of message definitions (REP 2016): that of a publisher from the graph, and that of this machine from the JSON file
// beside the .msg file.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { NativeEndpoint } from './functions.ts';

/** @returns the hash that a publisher announces, such as `RIHS01_feb9...`. Undefined if it announces none, as before ROS Iron. */
export function hashText({ topic_type_hash: hash }: Pick<NativeEndpoint, 'topic_type_hash'>): string | undefined {
  if (hash === undefined || hash.version === 0) return undefined;
  return `RIHS${String(hash.version).padStart(2, '0')}_${hash.value.toString('hex')}`;
}

export class LocalHashes {
  readonly #prefixes: readonly string[];
  readonly #known = new Map<string, string | undefined>();

  constructor(prefixes: readonly string[]) {
    this.#prefixes = prefixes;
  }

  /** @returns the hash of an installed type; undefined if it is not installed or has no hash. */
  of(type: string): string | undefined {
    if (!this.#known.has(type)) this.#known.set(type, this.#read(type));
    return this.#known.get(type);
  }

  #read(type: string): string | undefined {
    for (const prefix of this.#prefixes) {
      const text = textOf(path.join(prefix, 'share', `${type}.json`));
      if (text !== undefined) return hashIn(text, type);
    }
    return undefined;
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function hashIn(text: string, type: string): string | undefined {
  try {
    const { type_hashes: hashes } = JSON.parse(text) as { type_hashes?: { type_name: string; hash_string: string }[] };
    return hashes?.find(({ type_name: name }) => name === type)?.hash_string;
  } catch {
    return undefined;
  }
}
