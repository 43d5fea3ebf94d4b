// Resolves the broker's name. The last addresses stay known, because the name servers often fail together with the network over which they
// are reached, while another path to the broker works. TLS protects from an address that now belongs to somebody else.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { type ConnectError, within } from '../connectError.ts';
import { nameError } from './nameServers.ts';

/** How long to wait for the name servers if earlier addresses are known. The system's resolver gives up after 5 s or more. */
const WAIT_MS = 2_000;

export class Resolver {
  readonly #host: string;
  #known: readonly string[];
  #fault: ConnectError | undefined;
  /** The system's resolver takes a thread of four for each question, so there is never more than one. */
  #asked: Promise<readonly string[]> | undefined;

  /** @param known the addresses of an earlier run. */
  constructor(host: string, known: readonly string[]) {
    this.#host = host;
    this.#known = known;
  }

  /** The addresses that the name servers gave last. */
  get known(): readonly string[] {
    return this.#known;
  }

  /** Why the last addresses are not from the name servers; undefined if they are. */
  get fault(): ConnectError | undefined {
    return this.#fault;
  }

  /**
   * @param isUrgent takes known addresses at once, and asks the name servers for the next time.
   * @throws ConnectError if the name cannot be resolved within `timeoutMs` and no address is known
   */
  async addresses(timeoutMs: number, isUrgent: boolean): Promise<readonly string[]> {
    if (isIP(this.#host)) return [this.#host];
    const knownAfterMs = isUrgent ? 0 : Math.min(WAIT_MS, timeoutMs);
    const waitMs = this.#known.length > 0 ? knownAfterMs : timeoutMs;
    try {
      return await within(this.ask(), waitMs, 'no answer');
    } catch (error) {
      const fault = nameError(this.#host, error);
      if (!isUrgent) this.#fault = fault;
      if (this.#known.length > 0) return this.#known;
      throw fault;
    }
  }

  /** Asks the name servers. @throws the system's error */
  ask(): Promise<readonly string[]> {
    this.#asked ??= this.#ask();
    return this.#asked;
  }

  async #ask(): Promise<readonly string[]> {
    try {
      const answers = await lookup(this.#host, { all: true, order: 'verbatim' });
      this.#known = answers.map(({ address }) => address);
      this.#fault = undefined;
      return this.#known;
    } catch (error) {
      this.#fault = nameError(this.#host, error);
      throw error;
    } finally {
      this.#asked = undefined;
    }
  }
}
