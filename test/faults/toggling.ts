// An uplink that goes down and comes back again and again, as a Wi-Fi at the edge of its range.
import { every, type Ticker } from '../../src/base/index.ts';
import type { LabUplink } from '../support/network/labUplink.ts';
import { monotonicNs } from '../support/network/witness.ts';

export const TOGGLE_EVERY_MS = 20_000;

export interface Turn {
  readonly isUp: boolean;
  readonly ns: number;
}

/**
 * When an alert's time begins on a link that toggles. It is the fall if the link stayed up for `enoughMs` from then, or if the alert arrived
 * before the link went down. Otherwise it is the link's first return. Pure.
 * @param turns in the order of time; the link was up before the first.
 */
export function countedFrom(fellNs: number, arrivedNs: number, turns: readonly Turn[], enoughMs: number): number {
  const isUp = turns.findLast(({ ns }) => ns <= fellNs)?.isUp ?? true;
  const down = isUp ? turns.find(({ ns }) => ns > fellNs) : undefined;
  if (isUp && (!down || arrivedNs < down.ns || down.ns - fellNs >= enoughMs * 1e6)) return fellNs;
  return turns.find((turn) => turn.isUp && turn.ns > fellNs)?.ns ?? fellNs;
}

export class Toggler {
  readonly turns: Turn[] = [];
  readonly #uplink: LabUplink;
  readonly #ticker: Ticker;

  constructor(uplink: LabUplink) {
    this.#uplink = uplink;
    this.#ticker = every(TOGGLE_EVERY_MS, () => this.#turn());
  }

  stop(): void {
    this.#ticker.stop();
    if (this.turns.at(-1)?.isUp === false) this.#turn();
  }

  #turn(): void {
    const isUp = this.turns.at(-1)?.isUp === false;
    if (isUp) this.#uplink.up();
    else this.#uplink.down();
    this.turns.push({ isUp, ns: monotonicNs() });
  }
}
