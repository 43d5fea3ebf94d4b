// Defines the checks of the cloud's doctor and their findings. The robot's doctor uses the same engine.
import { type CheckStatus, messageOf, type Runnable, runChecks } from '../../../src/base/index.ts';

/** One entry of `elderly-bot-cloud doctor --json`. */
export interface Finding {
  /** A stable code for programs. If there is no fault, the code is the name of the check. */
  readonly code: string;
  /** `unknown` means that the check itself failed. */
  readonly status: CheckStatus;
  /** The observed state, with its values. */
  readonly observed: string;
  /** Null if nothing has to be done. */
  readonly remedy: string | null;
}

/** A check may report several findings. */
export interface Check extends Runnable<readonly Finding[]> {
  readonly name: string;
}

export const ok = (code: string, observed: string): Finding => ({ code, status: 'ok', observed, remedy: null });
export const skipped = (code: string, observed: string): Finding => ({ code, status: 'skipped', observed, remedy: null });
export const warning = (code: string, observed: string, remedy: string): Finding => ({ code, status: 'warning', observed, remedy });
export const problem = (code: string, observed: string, remedy: string): Finding => ({ code, status: 'error', observed, remedy });

/** @returns the findings in the order of the checks. */
export async function findingsOf(checks: readonly Check[]): Promise<Finding[]> {
  const runs = await runChecks<readonly Finding[], Check>(checks);
  return runs.flatMap(({ check: { name }, answer }) => {
    if (answer.kind === 'answered') return answer.value;
    if (answer.kind === 'late') return problem(`${name}_timeout`, answer.observed, 'check the network of this machine');
    return { code: name, status: 'unknown' as const, observed: answer.observed, remedy: answer.remedy };
  });
}

export type Reach = 'name' | 'refused' | 'timeout' | 'tls' | 'other';

const TLS = /certificate|self.signed|altname|SSL|TLS|wrong version number|UNABLE_TO|handshake/i;
const OBSERVED: Readonly<Partial<Record<Reach, string>>> = {
  name: 'there is no such host',
  refused: 'no program listens there',
  timeout: 'no answer to a connection attempt',
};

/**
 * The likely cause of a failed connection. A timeout means that a firewall or security group drops the packets. A refusal means that no
 * program listens on the port.
 */
export function reachOf(error: unknown): Reach {
  const { code, message = '' } = (error ?? {}) as { code?: unknown; message?: string };
  const first = error instanceof AggregateError ? (error.errors[0] as { code?: unknown } | undefined)?.code : code;
  const text = `${String(first ?? '')} ${message}`;
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return 'name';
  // ENOENT is about a Unix socket.
  if (/ECONNREFUSED|ENOENT/.test(text)) return 'refused';
  if (/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|timeout|timed out/i.test(text)) return 'timeout';
  return TLS.test(text) ? 'tls' : 'other';
}

/** The problem of a failed connection. @param faults the code and the remedy of each cause. */
export function unreachable(
  place: string,
  error: unknown,
  faults: Readonly<Record<Reach, readonly [code: string, remedy: string]>>,
): Finding {
  const reach = reachOf(error);
  const [code, remedy] = faults[reach];
  return problem(code, `${place}: ${OBSERVED[reach] ?? messageOf(error)}`, remedy);
}
