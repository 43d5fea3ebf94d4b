// Reads the configurations in test/configCheck/right, which are right by the judgement of their authors, and runs their channels on encoded
// messages.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { ChannelConfig } from '../../src/config/index.ts';
import type { Definitions } from '../../src/configCheck/index.ts';
import type { NewRow } from '../../src/outbox/index.ts';
import { type Codec, codecs } from '../../src/ros/codec.ts';
import { defineStruct } from '../../src/ros/definition.ts';
import { amentPrefixes } from '../../src/ros/install.ts';
import { installedDefinitions } from '../../src/ros/installed.ts';
import { Channel } from '../../src/sensing/index.ts';

type Message = Readonly<Record<string, unknown>>;
type Packages = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The messages of a channel, as the publisher fills them in. */
export interface Feed {
  /** The published type, if the channel's type is auto. */
  readonly as?: string;
  /** Lengths of lists. In the messages, one value stands for all elements of such a list. */
  readonly fill?: Readonly<Record<string, number>>;
  readonly calm?: readonly Message[];
  /** Each of these messages raises the alert. */
  readonly danger?: readonly Message[];
  /** Messages of telemetry with their readings. */
  readonly readings?: readonly (readonly [message: Message, value: unknown])[];
}

export interface RightCase {
  readonly name: string;
  /** The text of the configuration file. */
  readonly config: string;
  readonly channels?: Readonly<Record<string, Feed>>;
  /** For each camera, what its node publishes. */
  readonly images?: Readonly<Record<string, { readonly encoding: string } | { readonly format: 'jpeg' | 'png' }>>;
  /** Definitions of packages that are on the robot, and not on the machine on which the configuration is checked. */
  readonly notInstalled?: Packages;
}

const FOLDER = fileURLToPath(new URL('right/', import.meta.url));

export function rightCases(): RightCase[] {
  return readdirSync(FOLDER).flatMap((file) => parse(readFileSync(`${FOLDER}${file}`, 'utf8')) as RightCase[]);
}

const installed = installedDefinitions(amentPrefixes());

/** A machine with further packages. */
export class Machine {
  readonly definitions: Definitions;
  readonly codecOf: (type: string) => Codec;

  constructor(here: Definitions, packages: Packages) {
    const source: typeof installed = (type) => packages[type.pkg]?.[type.name] ?? installed(type);
    this.definitions = {
      ...here,
      packages: [...here.packages, ...Object.keys(packages)],
      messagesOf: (pkg) => Object.keys(packages[pkg] ?? {}).concat(packages[pkg] ? [] : here.messagesOf(pkg)),
      define: (type) => defineStruct(type, source),
    };
    this.codecOf = codecs(source);
  }
}

/** The definitions of a machine on which these packages are not installed. */
export function without(here: Definitions, packages: Packages): Definitions {
  return { ...here, messagesOf: (pkg) => (packages[pkg] ? [] : here.messagesOf(pkg)) };
}

const EVERY_MS = 500;

/** A channel on its way from a calm time to danger and back. */
export class Drive {
  readonly #channel: Channel;
  readonly #decoded: (message: Message) => Message;
  readonly #phaseMs: number;
  #nowMs = 0;
  /** Alerts, and the reasons why messages were unusable. */
  readonly events: string[] = [];

  constructor(name: string, config: ChannelConfig, { as, fill = {} }: Feed, machine: Machine) {
    const { encode, decode } = machine.codecOf(config.type ?? as ?? '');
    this.#channel = new Channel(name, config);
    this.#decoded = (message) => decode(encode(filled(message, fill)));
    this.#phaseMs = config.debounce + config.hold + (config.clear_after ?? 0) + 10_000;
  }

  /** Sends these messages over and over until everything that waits has ended. */
  phase(messages: readonly Message[]): void {
    const decoded = messages.map(this.#decoded);
    const endMs = this.#nowMs + this.#phaseMs;
    for (let n = 0; this.#nowMs < endMs; n++, this.#nowMs += EVERY_MS) {
      const message = decoded[n % decoded.length];
      this.#note(this.#channel.elapse(this.#nowMs));
      if (message !== undefined) this.#note(this.#channel.accept(message, this.#nowMs));
    }
  }

  /** @returns the value of the reading that a message causes. */
  reading(message: Message): unknown {
    const rows = this.#channel.accept(this.#decoded(message), this.#nowMs);
    const [row] = rows.flatMap((each) => ('channel' in each ? [each.value] : []));
    return row;
  }

  #note(rows: readonly NewRow[]): void {
    for (const row of rows) if (row.class === 'alert') this.events.push(`${row.channel} ${row.extra?.alert}`);
    const reason = this.#channel.unusable?.reason;
    if (reason !== undefined && !this.events.includes(reason)) this.events.push(reason);
  }
}

function filled(message: Message, fill: Readonly<Record<string, number>>): Message {
  const lists = Object.entries(fill).map(([field, length]) => [field, Array.from({ length }, () => message[field])]);
  return { ...message, ...Object.fromEntries(lists) };
}
