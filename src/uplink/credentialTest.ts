// Tests whether the robot can connect, subscribe and publish with new credentials before they replace the old ones. `testCredentials` opens
// a connection with the robot's client id. Because the broker then closes any other connection with that id, the agent must not be running.
// A running agent uses `CredentialSwitch` instead, and tests the new credentials with its next connection.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock/index.ts';
import type { Credentials, OwnCredentials } from '../identity/index.ts';
import type { ProblemCode } from '../status/index.ts';
import { type Presence, topicsOf } from '../wire/index.ts';
import { describeFailure } from './causes.ts';
import { ConnectError, within } from './connectError.ts';
import { type BrokerAccess, dial } from './dialer.ts';
import { publishAcknowledged, type Session } from './session.ts';

export type TestStep = 'connect' | 'subscribe' | 'publish';

export type CredentialTestResult =
  | { readonly works: true }
  | { readonly works: false; readonly step: TestStep; readonly cause: ProblemCode; readonly text: string; readonly remedy: string };

export interface CredentialTestOptions extends BrokerAccess {
  readonly thing: string;
  readonly topicPrefix: string;
  readonly clock: Clock;
}

/**
 * Tests the credentials. `timeoutMs` limits the connects and acknowledgements together. Never throws: failures are part of the result.
 */
export async function testCredentials(options: CredentialTestOptions): Promise<CredentialTestResult> {
  const { thing, credentials, clock, timeoutMs } = options;
  const { commands, receipts, presence } = topicsOf(options.topicPrefix);
  const untilMs = performance.now() + timeoutMs;
  // The agent is not running, so `offline` is true. The mark is the lowest possible, so any presence from an agent overrides it.
  const offline: Presence = {
    thing,
    session: randomBytes(8).toString('hex'),
    online: false,
    reason: 'stopped',
    at: clock.wall(),
    mark: [0, 0],
  };
  let step: TestStep = 'connect';
  let session: Session | undefined;
  try {
    session = await dial({ ...options, clientId: thing, onMessage: () => {} }, AbortSignal.timeout(timeoutMs));
    step = 'subscribe';
    const subscribed = session.subscribe([commands, receipts]);
    await within(subscribed, untilMs - performance.now(), `the subscription of ${commands} has no answer`);
    step = 'publish';
    const published = publishAcknowledged(session, presence, JSON.stringify(offline));
    await within(published, untilMs - performance.now(), `${presence} has no acknowledgement`);
    await session.close();
    return { works: true };
  } catch (error) {
    session?.drop();
    return { works: false, step, ...describeFailure(error, clock, credentials) };
  }
}

/** Credentials whose test has not finished yet. */
export interface PendingTest {
  readonly credentials: Credentials;
  readonly resolve: (result: CredentialTestResult) => void;
}

/**
 * Holds the credentials for the agent's connections. New ones are tested by the agent's next connection, because an additional connection
 * with the same client id would end the existing one. They become current once that connection has subscribed and published.
 */
export class CredentialSwitch {
  readonly #clock: Clock;
  #current: OwnCredentials;
  #pending: PendingTest | undefined;

  constructor(credentials: OwnCredentials, clock: Clock) {
    this.#current = credentials;
    this.#clock = clock;
  }

  /** The credentials in use. They change only when new ones pass their test. */
  get current(): OwnCredentials {
    return this.#current;
  }

  /** The test that the current or next connection performs, if any. */
  get pending(): PendingTest | undefined {
    return this.#pending;
  }

  begin(credentials: Credentials): Promise<CredentialTestResult> {
    this.abandon('a test of other credentials replaced this one');
    return new Promise((resolve) => {
      this.#pending = { credentials, resolve };
    });
  }

  /** Ends the test if it is still pending. @returns true if it failed, so that its connection must be dropped. */
  finish(test: PendingTest, step: TestStep, error: unknown): boolean {
    if (test !== this.#pending) return false;
    this.#pending = undefined;
    if (error === undefined) {
      this.#current = test.credentials;
      test.resolve({ works: true });
      return false;
    }
    test.resolve({ works: false, step, ...describeFailure(error, this.#clock, test.credentials) });
    return true;
  }

  /** Fails the pending test, if any, because it will not be completed. */
  abandon(reason: string): void {
    if (this.#pending) this.finish(this.#pending, 'connect', new ConnectError(reason, undefined));
  }
}
