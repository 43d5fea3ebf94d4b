// Describes a published topic, and splits its name into words.
import { visible } from '../base/index.ts';
import { partsOf } from '../config/index.ts';

export interface FoundTopic {
  readonly topic: string;
  readonly types: readonly string[];
  /** Full names of the publishing nodes. */
  readonly nodes: readonly string[];
}

/** Words that are often written without a separator behind the thing that they describe, such as in `gasdetected`. */
const TAIL = /^(.{2,}?)(detected|detection|detector|alarm|alert|sensor|level|ppm)$/;

/** Returns the words of a topic's name in lower case, joined by `_`: `/kitchen/gasDetected` becomes `kitchen_gas_detected`. */
export function wordsOf(topic: string): string {
  return partsOf(topic)
    .flatMap((part) => part.split('_'))
    .flatMap((word) => TAIL.exec(word)?.slice(1) ?? word)
    .filter(Boolean)
    .join('_');
}

/** Returns the words of the last part of a topic's name. The earlier parts usually name a place or a device. */
export function lastWordsOf(topic: string): string {
  return wordsOf(topic.slice(topic.lastIndexOf('/')));
}

/** @param words alternatives of a regular expression. @returns a test for whether one of them is among the words of a name. */
export function hasWord(words: string): (name: string) => boolean {
  const expression = new RegExp(`(^|_)(${words})(_|$)`);
  return (name) => expression.test(name);
}

/** Describes a topic in a comment. Nodes choose their names freely, so a line break must not end the comment. */
export function described({ topic, types, nodes }: FoundTopic): string {
  return visible(`${topic}, ${types.join(' or ')}, by ${nodes.join(', ')}`);
}
