// `elderly-bot send NAME ...`: sends a command as the cloud does, with the cloud's certificate, and prints the result. For test benches.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configFlag, parseJson, present } from '../base/index.ts';
import { brokerOf, type CommandConfig, type Config } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { type CredentialPaths, identityPaths, readCredentials } from '../identity/index.ts';
import { lockHolder } from '../state/index.ts';
import { call } from '../uplink/index.ts';
import type { Command, Result } from '../wire/index.ts';
import { loadSalvaged, remark } from './shared.ts';

const TTL_S = 10;

interface SendOptions {
  readonly config: string | undefined;
  readonly name: string;
  /** A single `VALUE`, or one `NAME=VALUE` per argument. */
  readonly words: readonly string[];
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Validity of the command in seconds. The default is 10, or the configured limit if that is lower. */
  readonly ttl: number | undefined;
  /** How long to wait for the result, in seconds. */
  readonly timeout: number;
  readonly json: boolean;
}

/** @returns the exit code: 0 if the result's status is `done`, otherwise 1. */
export async function send({ config: file, name, words, cert, key, ttl, timeout, json }: SendOptions): Promise<number> {
  const config = loadSalvaged(file, ['thing', 'topic_prefix', 'mqtt']);
  const id = randomBytes(12).toString('base64url');
  const known = config.commands[name];
  const ttlS = ttl ?? Math.min(TTL_S, (known?.ttl ?? Number.POSITIVE_INFINITY) / 1_000);
  const now = Date.now();
  const command: Command = {
    id,
    thing: config.thing,
    command: name,
    ...argumentsOf(words, known),
    issued_at: now,
    expires_at: now + ttlS * 1_000,
  };
  const startedMs = performance.now();
  const result = await call({
    ...brokerOf(config.mqtt),
    credentials: readCredentials(cloudFiles(config, cert, key)),
    topicPrefix: config.topic_prefix,
    id,
    payload: JSON.stringify(command),
    expiresInS: Math.ceil(ttlS),
    timeoutMs: timeout * 1_000,
  });
  const tookMs = Math.round(performance.now() - startedMs);
  await present({ command, result: result ?? null, took_ms: tookMs }, json, ({ result: found }) => {
    const outcome = found ? `${describe(found)} after ${tookMs} ms${appliedBy(found)}` : `no answer within ${timeout} s`;
    return `${name} ${id}: ${outcome}`;
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

/** An argument is sent as text if it is not JSON, or if its configured type is string; otherwise as the parsed JSON value. */
function argumentsOf(words: readonly string[], command: CommandConfig | undefined): Pick<Command, 'value' | 'args'> {
  const [word] = words;
  if (word === undefined) return {};
  const parseArgument = (name: string, text: string) => {
    const json = command?.args[name]?.type === 'string' ? undefined : parseJson(text);
    return json === undefined ? text : json;
  };
  const isValue = !/^[a-z][a-z0-9_]*=/.test(word) || command?.args.value?.type === 'string';
  if (words.length === 1 && isValue) return { value: parseArgument('value', word) };
  const args = words.map((each) => {
    const at = each.indexOf('=');
    if (at < 1) {
      throw new AgentError('CONFIG_INVALID', `argument ${each}: expected NAME=VALUE`, {
        remedy: 'elderly-bot commands shows an example of each command',
      });
    }
    const name = each.slice(0, at);
    return [name, parseArgument(name, each.slice(at + 1))] as const;
  });
  return { args: Object.fromEntries(args) };
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
