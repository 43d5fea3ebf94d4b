// `elderly-bot topics echo`: prints the messages of a topic, also a latched one.
import { printNow } from '../../base/index.ts';
import { fieldPath } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import type { RosMessage } from '../../ros/index.ts';
import { fieldReader } from '../../sensing/index.ts';
import { durationOf } from '../shared.ts';
import { follow } from './follow.ts';
import { FULL, jsonValue, SHORT, yamlLines } from './format.ts';
import { observe, type TopicOptions } from './graph.ts';
import { requireField } from './types.ts';

interface EchoOptions extends TopicOptions {
  readonly json: boolean;
  readonly type: string | undefined;
  /** End after this many messages. */
  readonly count: number | undefined;
  readonly for: string | undefined;
  readonly field: string | undefined;
  /** Whether to print long arrays and texts in full. */
  readonly full: boolean;
}

/** @returns the exit code: 0; 1 if no message arrived within `for`; 130 if Ctrl-C came before `count` messages or the end of `for`. */
export function echo(options: EchoOptions): Promise<number> {
  const { json, type, count, field, full } = options;
  const forMs = options.for === undefined ? undefined : durationOf('--for', options.for);
  const read = field === undefined ? (message: RosMessage) => message : readerOf(field);
  const limits = full ? FULL : SHORT;
  return observe(options, async (observer) => {
    let shown = 0;
    const enough = new AbortController();
    await follow(observer, {
      type,
      until: AbortSignal.any([observer.signal, enough.signal]),
      forMs,
      onSubscribed: (struct) => {
        if (field !== undefined) requireField(struct, field);
      },
      onMessage: (message) => {
        const value = read(message) ?? null;
        printNow(json ? JSON.stringify(jsonValue(value, limits)) : [...yamlLines(value, limits), '---']);
        shown += 1;
        if (shown === count) enough.abort();
      },
    });
    if (observer.signal.aborted) return count === undefined && forMs === undefined ? 0 : 130;
    return shown > 0 ? 0 : 1;
  });
}

/** @throws AgentError CONFIG_INVALID */
function readerOf(field: string): (message: RosMessage) => unknown {
  const { error } = fieldPath.safeParse(field);
  if (error) throw new AgentError('CONFIG_INVALID', `--field ${field}: ${error.issues[0]?.message}`);
  return fieldReader(field);
}
