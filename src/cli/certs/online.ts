// Whether the certificate works against the broker. A running agent is asked, as a second connection of its name would throw it off.
import { proveAlone } from '../../agent/identity/provision.ts';
import { AgentError } from '../../errors.ts';
import { type CredentialPaths, readCredentials } from '../../identity/index.ts';
import { lockStateDir } from '../../state/index.ts';
import { askStatus, type Status } from '../../status/index.ts';
import type { Robot } from './robot.ts';

export interface Online {
  readonly ok: boolean;
  /** Who tried: this command, or the agent that runs. */
  readonly by: 'command' | 'agent';
  /** The problem of that name, see docs/reference/problems.md; null where it works. */
  readonly code: string | null;
  readonly observed: string;
  readonly remedy: string;
}

export async function verifyOnline({ config, clock }: Robot, paths: CredentialPaths, timeoutMs: number): Promise<Online> {
  const status = await running(config.state_dir);
  if (status) return byAgent(status);
  const lock = lockStateDir(config.state_dir);
  try {
    const proof = await proveAlone({ config, clock, timeoutMs }, readCredentials(paths));
    if (!proof.works)
      return { ok: false, by: 'command', code: proof.cause, observed: `${proof.step}: ${proof.text}`, remedy: proof.remedy };
    const observed = `connected to ${config.mqtt.endpoint} as ${config.thing}, subscribed and published`;
    return { ok: true, by: 'command', code: null, observed, remedy: '' };
  } finally {
    lock.release();
  }
}

function byAgent({ link, problems }: Status): Online {
  if (link.state === 'connected') {
    return { ok: true, by: 'agent', code: null, observed: `the running agent is connected to ${link.endpoint}`, remedy: '' };
  }
  const [problem] = problems.filter(({ severity }) => severity === 'error' || severity === 'critical');
  return {
    ok: false,
    by: 'agent',
    code: problem?.code ?? null,
    observed: `the running agent is ${link.state}: ${problem?.text ?? 'it has not been connected yet'}`,
    remedy: problem?.remedy ?? 'elderly-bot status says more in a moment',
  };
}

async function running(stateDir: string): Promise<Status | undefined> {
  try {
    return await askStatus(stateDir);
  } catch (error) {
    if (error instanceof AgentError && error.code === 'AGENT_NOT_RUNNING') return undefined;
    throw error;
  }
}
