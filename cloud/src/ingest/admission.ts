// Decides whether the cloud takes a message or leaves it to the robot, whose outbox still has it and sends it again. Only a robot that
// occupies more than any honest robot is left to wait: a message without PUBACK uses the broker's window, which all robots share.
import type { Label, Urgency } from '../messages/index.ts';

/** Messages of one robot that wait, alerts and live messages each. AWS IoT Core has a window of 100 messages. */
const WAITING = 80;
/** Fewer if they are large: messages, and their bytes. An honest robot waits for a PUBACK after 24 messages, at most of them full. */
const WAITING_LARGE = 16;
const LARGE_BYTES = 1024 * 1024;
/** Backlog may use about half of the window of 500 (cloud/src/broker/session.ts). Beyond that, the robots that wait have equal shares. */
const BACKLOG = 256;
const LEAST_SHARE = 32;
/** Limits of all that waits, for backlog and for the rest. Beyond them {@link Admission.hasCapacity} is false, and the broker waits. */
const MOST_MESSAGES = 2_000;
const MOST_BYTES = 16 * 1024 * 1024;

interface Held {
  messages: number;
  bytes: number;
}

export type Way = 'live' | 'backlog';

export class Admission {
  readonly #held = new Map<string, Held>();
  readonly #total: Record<Way, Held> = { live: { messages: 0, bytes: 0 }, backlog: { messages: 0, bytes: 0 } };
  #withBacklog = 0;

  /** @param isSpent whether the robot is above its rate. */
  admits({ robot, urgency }: Label, isSpent: boolean): boolean {
    const { messages, bytes } = this.#held.get(keyOf(robot, urgency)) ?? { messages: 0, bytes: 0 };
    if (isSpent && urgency !== 'alert') return false;
    if (urgency !== 'backlog') return messages < WAITING && (messages < WAITING_LARGE || bytes < LARGE_BYTES);
    const total = this.#total.backlog.messages;
    return total < BACKLOG || this.#withBacklog < 2 || messages < Math.max(LEAST_SHARE, total / this.#withBacklog);
  }

  taken(label: Label, bytes: number): void {
    this.#count(label, 1, bytes);
  }

  /** After its PUBACK. */
  left(label: Label, bytes: number): void {
    this.#count(label, -1, -bytes);
  }

  hasCapacity(way: Way): boolean {
    const { messages, bytes } = this.#total[way];
    return messages < MOST_MESSAGES && bytes < MOST_BYTES;
  }

  #count({ robot, urgency }: Label, messages: number, bytes: number): void {
    const key = keyOf(robot, urgency);
    const held = this.#held.get(key) ?? { messages: 0, bytes: 0 };
    if (urgency === 'backlog' && held.messages === 0) this.#withBacklog++;
    for (const each of [held, this.#total[urgency === 'backlog' ? 'backlog' : 'live']]) {
      each.messages += messages;
      each.bytes += bytes;
    }
    if (held.messages > 0) this.#held.set(key, held);
    else {
      this.#held.delete(key);
      if (urgency === 'backlog') this.#withBacklog--;
    }
  }
}

function keyOf(robot: string, urgency: Urgency): string {
  return `${urgency} ${robot}`;
}
