// Chooses the names of channels and cameras. A name is derived from the topic, is unique, and leaves space for the suffixes of alerts.
import { MAX_ALERT_NAME_CHARACTERS, partsOf } from '../config/index.ts';
import { ENVELOPE_KEYS, SILENT_SUFFIX, UNUSABLE_SUFFIX } from '../wire/index.ts';

/** Words that are too general to name a channel. */
const GENERAL: readonly string[] = 'data state status value raw left right front back rear'.split(' ');

/** A shorter word is too general too. */
const SHORTEST = 3;

export class Names {
  readonly #taken: Set<string>;

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  /** Takes the name, or if it is not free the name with the lowest number. */
  take(name: string): string {
    let free = valid(name);
    for (let n = 2; !this.#isFree(free); n++) free = `${valid(name).slice(0, MAX_ALERT_NAME_CHARACTERS - `_${n}`.length)}_${n}`;
    this.#taken.add(free);
    return free;
  }

  /** Takes a name for a topic: its last part, preceded by as many earlier parts as it takes to be free and specific. */
  takeFor(topic: string): string {
    const parts = partsOf(topic);
    const names = parts.map((_, i) => valid(parts.slice(parts.length - 1 - i).join('_')));
    const isSpecific = (name: string) => name.length >= SHORTEST && !GENERAL.includes(name);
    return this.take(names.find((name) => isSpecific(name) && this.#isFree(name)) ?? names.at(-1) ?? 'topic');
  }

  #isFree(name: string): boolean {
    const isSuffixed = name.endsWith(SILENT_SUFFIX) || name.endsWith(UNUSABLE_SUFFIX);
    return !isSuffixed && !(ENVELOPE_KEYS as readonly string[]).includes(name) && !this.#taken.has(name);
  }
}

function valid(name: string): string {
  return (/^[a-z]/.test(name) ? name : `topic_${name}`).slice(0, MAX_ALERT_NAME_CHARACTERS);
}
