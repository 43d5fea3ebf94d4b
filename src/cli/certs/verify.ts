// `elderly-bot certs verify`: checks the certificate files of this robot and, with --online, the connection to the broker.
import { readFileSync, statSync } from 'node:fs';
import { testWithoutAgent } from '../../agent/identity/provision.ts';
import { codeOf, messageOf, print } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import {
  CHECKS,
  type CredentialPaths,
  FINDINGS,
  type Finding,
  identityPaths,
  readCredentials,
  verifyIdentity,
} from '../../identity/index.ts';
import { askStatus, type Status } from '../../status/index.ts';
import { askIfRunning, loadRobotToInspect, type Robot, withoutAgent } from './robot.ts';

/**
 * @param onlineMs time limit for each answer from the broker; if undefined, only the files are checked.
 * @returns the exit code: 1 if there is an error or a warning, otherwise 0.
 */
export async function verify(file: string | undefined, onlineMs: number | undefined, json: boolean): Promise<number> {
  const robot = await loadRobotToInspect(file);
  const paths = identityPaths(robot.config.mqtt, robot.config.state_dir);
  const findings = await verifyFiles(robot, paths);
  // If the files are faulty, for example if the key belongs to another certificate, a connection can't succeed. But if only the dates are
  // wrong, try anyway: this machine's clock may be at fault.
  const canConnect = findings.every(({ severity, code }) => severity !== 'error' || FINDINGS[code] === 'dates');
  const online = onlineMs === undefined || !canConnect ? undefined : await verifyOnline(robot, paths, onlineMs);
  const ok = findings.every(({ severity }) => severity === 'info') && (online?.ok ?? true);
  const lines = CHECKS.flatMap((check) => {
    const own = findings.filter(({ code }) => FINDINGS[code] === check);
    return [
      checkLine(
        check,
        own.every(({ severity }) => severity === 'info'),
      ),
      ...own.map(describeFinding),
    ];
  });
  if (online) lines.push(checkLine('online', online.ok), describeOnline(online));
  else if (onlineMs !== undefined) lines.push('online not tried: these files allow no connection');
  await print(json ? JSON.stringify({ ok, cert_file: paths.certFile, root_ca: paths.rootCa, findings, online: online ?? null }) : lines);
  return ok ? 0 : 1;
}

function checkLine(check: string, isOk: boolean): string {
  return `${check.padEnd(12)} ${isOk ? 'ok' : 'not ok'}`;
}

export function describeFinding({ code, severity, observed, remedy }: Finding): string {
  return `  ${severity} ${code}: ${observed}; ${remedy}`;
}

function describeOnline({ ok, code, observed, remedy }: Online): string {
  return ok ? `  ${observed}` : `  ${code ?? 'unknown'}: ${observed}; ${remedy}`;
}

/** @throws AgentError CERTIFICATE_MISSING if a file is missing or unreadable */
function verifyFiles({ config, clock, isIotCore }: Robot, paths: CredentialPaths): Promise<Finding[]> {
  return verifyIdentity({
    cert: textOf(paths.certFile),
    key: textOf(paths.privateKey),
    rootCa: textOf(paths.rootCa),
    thing: config.thing,
    isIotCore,
    nowMs: clock.wall(),
    isClockTrusted: clock.trusted(),
    keyFile: { path: paths.privateKey, mode: statSync(paths.privateKey).mode & 0o777 },
  });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AgentError('CERTIFICATE_MISSING', `${file}: ${codeOf(cause) === 'ENOENT' ? 'no such file' : messageOf(cause)}`, {
      remedy: 'elderly-bot certs show lists the existing files; run it as the agent’s user',
      cause,
    });
  }
}

interface Online {
  readonly ok: boolean;
  /** Whether this command connected, or reports the state of the running agent's connection. */
  readonly by: 'command' | 'agent';
  /** A problem code from docs/reference/problems.md; null if the connection works or the cause is unknown. */
  readonly code: string | null;
  readonly observed: string;
  readonly remedy: string;
}

/** Asks the agent if one is running: the broker would drop the agent's connection if this process connected with the same client id. */
async function verifyOnline(robot: Robot, paths: CredentialPaths, timeoutMs: number): Promise<Online> {
  const { config, clock } = robot;
  const status = await askIfRunning(askStatus(config.state_dir));
  if (status) return onlineOf(status);
  const proof = await withoutAgent(robot, () => testWithoutAgent({ config, clock, timeoutMs }, readCredentials(paths)));
  if (!proof.works) return { ok: false, by: 'command', code: proof.cause, observed: `${proof.step}: ${proof.text}`, remedy: proof.remedy };
  const observed = `connected to ${config.mqtt.endpoint} as ${config.thing}, subscribed and published`;
  return { ok: true, by: 'command', code: null, observed, remedy: '' };
}

function onlineOf({ link, problems }: Status): Online {
  if (link.state === 'connected') {
    return { ok: true, by: 'agent', code: null, observed: `the running agent is connected to ${link.endpoint}`, remedy: '' };
  }
  const [problem] = problems.filter(({ severity }) => severity === 'error' || severity === 'critical');
  return {
    ok: false,
    by: 'agent',
    code: problem?.code ?? null,
    observed: `the running agent is ${link.state}: ${problem?.text ?? 'it has not been connected yet'}`,
    remedy: problem?.remedy ?? 'run elderly-bot status in a moment',
  };
}
