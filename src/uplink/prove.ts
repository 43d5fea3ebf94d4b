// Whether a certificate can do what the robot's has to: connect as the thing, subscribe, publish. The broker ends another
// connection with this client id, so use it only if the robot's agent does not run.
import { randomBytes } from 'node:crypto';
import type { Credentials } from '../identity/index.ts';
import { PROBLEMS, type ProblemCode } from '../status/index.ts';
import { type Presence, topicsOf } from '../wire/index.ts';
import { type ClockView, connectCause } from './causes.ts';
import { dial } from './dial.ts';
import { ConnectError, type Session } from './session.ts';

export interface ProveOptions {
  readonly host: string;
  readonly port: number | undefined;
  readonly credentials: Credentials;
  readonly thing: string;
  readonly topicPrefix: string;
  readonly timeoutMs: number;
  readonly clock: ClockView;
}

export type Proof =
  | { readonly works: true }
  | {
      readonly works: false;
      readonly step: 'connect' | 'subscribe' | 'publish';
      readonly cause: ProblemCode;
      readonly text: string;
      readonly remedy: string;
    };

export async function prove(options: ProveOptions): Promise<Proof> {
  const { commands, receipts, presence } = topicsOf(options.topicPrefix);
  const deadline = AbortSignal.timeout(options.timeoutMs);
  let step: 'connect' | 'subscribe' | 'publish' = 'connect';
  let session: Session | undefined;
  try {
    session = await dial({ ...options, clientId: options.thing, onMessage: () => {} }, deadline);
    step = 'subscribe';
    await within(session.subscribe([commands, receipts]), deadline, `no answer to the subscription of ${commands}`);
    step = 'publish';
    await within(published(session, presence, goodbye(options)), deadline, `no acknowledgement of ${presence}`);
    await session.close();
    return { works: true };
  } catch (error) {
    session?.drop();
    return { works: false, step, ...whyNot(error, options.clock, options.credentials) };
  }
}

/** The cause of a failed connection, as a problem code with its remedy. */
export function whyNot(error: unknown, clock: ClockView, own: Pick<Credentials, 'notBeforeMs' | 'notAfterMs'>) {
  const reason = error instanceof ConnectError ? error.reason : undefined;
  const cause = reason === 'NOT_ALLOWED' ? 'not_authorized' : connectCause(reason, clock, own);
  return { cause, text: error instanceof Error ? error.message : String(error), remedy: PROBLEMS[cause].remedy };
}

/** True of a robot whose agent does not run, and with the lowest mark there is, so that nothing later is taken back by it. */
function goodbye({ thing, clock }: ProveOptions): Presence {
  return { thing, session: randomBytes(8).toString('hex'), online: false, reason: 'stopped', at: clock.wallMs, mark: [0, 0] };
}

function published(session: Session, topic: string, message: Presence): Promise<void> {
  return new Promise((resolve, reject) => {
    void session.ended.then(() => reject(new ConnectError(`the broker closed the connection when ${topic} was published`, 'NOT_ALLOWED')));
    session.publish(topic, JSON.stringify(message), (error) => {
      if (error) reject(new ConnectError(`the broker refused ${topic}: ${error.message}`, 'NOT_ALLOWED'));
      else resolve();
    });
  });
}

async function within<T>(work: Promise<T>, deadline: AbortSignal, text: string): Promise<T> {
  const late = new Promise<never>((_resolve, reject) => {
    const fail = () => reject(new ConnectError(text, 'ETIMEDOUT'));
    if (deadline.aborted) fail();
    else deadline.addEventListener('abort', fail, { once: true });
  });
  return Promise.race([work, late]);
}
