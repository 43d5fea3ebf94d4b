// `elderly-bot send NAME ...`: sends a command as the cloud does, with the cloud's certificate, and prints the result. For test benches.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configFlag, present } from '../base/index.ts';
import { brokerOf, type Config } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { type CredentialPaths, identityPaths, readCredentials } from '../identity/index.ts';
import { lockHolder } from '../state/index.ts';
import { call } from '../uplink/index.ts';
import type { Result } from '../wire/index.ts';
import { loadSalvaged, remark } from './shared.ts';
import { commandFrom, type TypedCommand } from './typedCommand.ts';

interface SendOptions extends TypedCommand {
  readonly config: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** How long to wait for the result, in seconds. */
  readonly timeout: number;
  readonly json: boolean;
}

/** @returns the exit code: 0 if the result's status is `done`, otherwise 1. */
export async function send({ config: file, cert, key, timeout, json, ...typed }: SendOptions): Promise<number> {
  const config = loadSalvaged(file, ['thing', 'topic_prefix', 'mqtt']);
  const command = await commandFrom(config, typed);
  const startedMs = performance.now();
  const result = await call({
    ...brokerOf(config.mqtt),
    credentials: readCredentials(cloudFiles(config, cert, key)),
    topicPrefix: config.topic_prefix,
    id: command.id,
    payload: JSON.stringify(command),
    expiresInS: Math.ceil((command.expires_at - command.issued_at) / 1_000),
    timeoutMs: timeout * 1_000,
  });
  const tookMs = Math.round(performance.now() - startedMs);
  await present({ command, result: result ?? null, took_ms: tookMs }, json, ({ result: found }) => {
    const outcome = found ? `${describe(found)} after ${tookMs} ms${appliedBy(found)}` : `no answer within ${timeout} s`;
    return `${command.command} ${command.id}: ${outcome}`;
  });
  if (!result) remark(explainSilence(config, configFlag(file)));
  return result?.status === 'done' ? 0 : 1;
}

/** Suggests what to do if no answer came. All that this process can find out is whether an agent runs on the same machine. */
function explainSilence({ thing, state_dir: stateDir }: Config, flag: string): string {
  return lockHolder(stateDir) === undefined
    ? `no agent on this machine uses ${stateDir}; start it: elderly-bot run${flag} (if the robot is elsewhere, check that its thing name is ${thing})`
    : `the agent on this machine runs; elderly-bot status${flag} shows whether it is connected, and elderly-bot doctor${flag} finds the reason if not`;
}

function describe({ status, reason, detail }: Result): string {
  const details = [reason, detail].filter(Boolean).join(': ');
  return details ? `${status} (${details})` : status;
}

function appliedBy({ applied }: Result): string {
  return applied === undefined ? '' : `; applied ${JSON.stringify(applied)}`;
}

/** Defaults to the files that `certs dev-ca` creates next to the robot's certificate. @throws AgentError CERTIFICATE_MISSING */
function cloudFiles({ mqtt, state_dir: stateDir }: Config, cert: string | undefined, key: string | undefined): CredentialPaths {
  const own = identityPaths(mqtt, stateDir);
  const folder = dirname(own.certFile);
  const files = { certFile: cert ?? join(folder, 'cloud.crt.pem'), privateKey: key ?? join(folder, 'cloud.key.pem') };
  const missing = Object.values(files).find((file) => !existsSync(file));
  if (missing === undefined) return { rootCa: own.rootCa, ...files };
  throw new AgentError('CERTIFICATE_MISSING', `the cloud’s certificate or key ${missing}: no such file`, {
    remedy:
      'give --cert and --key; the robot’s own certificate has no right to send commands. For a bench, elderly-bot certs dev-ca creates them',
  });
}
