// Remembers for each topic whether the broker accepted the last message, and raises a problem while it refuses them.
import type { Problems } from '../status/index.ts';
import type { UplinkOptions } from './options.ts';
import { type RefusalKind, refusalOf } from './reasons.ts';
import { grantOf } from './rights.ts';

type AnswersOptions = Pick<UplinkOptions, 'host' | 'thing' | 'log'> & { readonly problems: Pick<Problems, 'raise' | 'clear'> };

export class Answers {
  readonly #options: AnswersOptions;
  /** The words of the refusal of the last message, by topic; undefined if the broker accepted it. */
  readonly #refusals = new Map<string, string | undefined>();

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  get acknowledged(): string[] {
    return [...this.#refusals].flatMap(([topic, words]) => (words === undefined ? [topic] : [])).sort();
  }

  get refused(): string[] {
    return [...this.#refusals].flatMap(([topic, words]) => (words === undefined ? [] : [topic])).sort();
  }

  /** Records the broker's answer to a message: an acknowledgement if `error` is undefined. */
  record(topic: string, error: Error | undefined): void {
    const { problems, log, host, thing } = this.#options;
    if (!error) {
      this.#refusals.set(topic, undefined);
      problems.clear('publish_refused', topic);
      return;
    }
    const { kind, words } = refusalOf(error);
    const text = refusalText(kind, words, topic, { host, thing });
    problems.raise('publish_refused', text, topic);
    if (this.#refusals.get(topic) !== words) log.warn({ event: 'publish_refused', topic, reason: words }, text);
    this.#refusals.set(topic, words);
  }
}

/** Says in one sentence what the broker refuses, and how to change that. */
export function refusalText(kind: RefusalKind, words: string, topic: string, { host, thing }: { host: string; thing: string }): string {
  if (kind === 'right') return `the broker does not let this certificate publish on ${topic}: ${words}; ${grantOf(topic, host, thing)}`;
  if (kind === 'topic')
    return `the broker does not accept the name of topic ${topic}: ${words}; set topic_prefix to a name that the broker accepts`;
  if (kind === 'quota')
    return `the broker refuses messages on ${topic} because of a limit: ${words}; raise the broker’s limit, or lower mqtt.messages_per_second`;
  return `the broker refuses a message on ${topic}: ${words}; the broker’s log may say more`;
}
