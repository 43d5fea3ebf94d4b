// `elderly-bot certs verify`: what is wrong with this robot's certificate, each thing by its code.
import { readFileSync, statSync } from 'node:fs';
import { codeOf, messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { CHECKS, type CredentialPaths, FINDINGS, type Finding, identityPaths, verifyIdentity } from '../../identity/index.ts';
import { describeFinding } from './findings.ts';
import { verifyOnline } from './online.ts';
import { type Robot, robotSeen } from './robot.ts';

/**
 * @param onlineMs tries it against the broker, for so long at most; undefined: files only.
 * @returns 1 where an error or a warning was found.
 */
export async function verify(file: string | undefined, onlineMs: number | undefined, json: boolean): Promise<number> {
  const robot = robotSeen(file);
  const paths = identityPaths(robot.config.mqtt, robot.config.state_dir);
  const findings = await verifyFiles(robot, paths);
  // What the files tell comes first: with a key that is not the certificate's nothing can be tried.
  const canTry = findings.every(({ severity, code }) => severity !== 'error' || FINDINGS[code] === 'dates');
  const online = onlineMs === undefined || !canTry ? undefined : await verifyOnline(robot, paths, onlineMs);
  const ok = findings.every(({ severity }) => severity === 'info') && (online?.ok ?? true);
  if (json)
    process.stdout.write(`${JSON.stringify({ ok, cert_file: paths.certFile, root_ca: paths.rootCa, findings, online: online ?? null })}\n`);
  else {
    for (const check of CHECKS) {
      const ours = findings.filter(({ code }) => FINDINGS[code] === check);
      say(
        check,
        ours.every(({ severity }) => severity === 'info'),
      );
      for (const finding of ours) process.stdout.write(`${describeFinding(finding)}\n`);
    }
    if (onlineMs !== undefined && !online) process.stdout.write('online not tried: with these files no connection can come about\n');
    if (online) {
      say('online', online.ok);
      process.stdout.write(online.ok ? `  ${online.observed}\n` : `  ${online.code ?? 'unknown'}: ${online.observed}; ${online.remedy}\n`);
    }
  }
  return ok ? 0 : 1;
}

function say(check: string, isOk: boolean): void {
  process.stdout.write(`${check.padEnd(12)} ${isOk ? 'ok' : 'not ok'}\n`);
}

/** @throws AgentError CERTIFICATE_MISSING where a file can't be read. */
export async function verifyFiles({ config, clock, isIotCore }: Robot, paths: CredentialPaths): Promise<Finding[]> {
  const mode = () => statSync(paths.privateKey).mode & 0o777;
  return verifyIdentity({
    cert: textOf(paths.certFile),
    key: textOf(paths.privateKey),
    rootCa: textOf(paths.rootCa),
    thing: config.thing,
    isIotCore,
    nowMs: clock.wall(),
    isClockTrusted: clock.trusted(),
    keyFile: { path: paths.privateKey, mode: mode() },
  });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = codeOf(cause) === 'ENOENT' ? 'no such file' : messageOf(cause);
    throw new AgentError('CERTIFICATE_MISSING', `${file}: ${why}`, {
      remedy: 'elderly-bot certs show says what is there; run it as the agent’s user',
      cause,
    });
  }
}
