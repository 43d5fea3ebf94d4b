// `elderly-bot send NAME ...`: a command as the cloud would send it, with the cloud's certificate, and its result. For a bench.

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseJson } from '../base/index.ts';
import { type CommandConfig, type Config, endpointOf } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { type CredentialPaths, identityPaths, readCredentials } from '../identity/index.ts';
import { lockHolder } from '../state/index.ts';
import { call } from '../uplink/index.ts';
import type { Command, Result } from '../wire/index.ts';
import { salvaged } from './salvaged.ts';

const TTL_S = 10;

export interface SendOptions {
  readonly file: string | undefined;
  readonly name: string;
  /** `VALUE`, or `NAME=VALUE` for each of several arguments. */
  readonly words: readonly string[];
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Left out: 10, or what the configuration allows. */
  readonly ttlS: number | undefined;
  readonly timeoutS: number;
  readonly json: boolean;
}

/** @returns 0 when the robot says done, 1 for any other answer and for none. */
export async function send(options: SendOptions): Promise<number> {
  const config = salvaged(options.file, ['thing', 'topic_prefix', 'mqtt']);
  const id = randomBytes(12).toString('base64url');
  const known = config.commands[options.name];
  const ttlS = options.ttlS ?? Math.min(TTL_S, (known?.ttl ?? Number.POSITIVE_INFINITY) / 1_000);
  const now = Date.now();
  const command: Command = {
    id,
    thing: config.thing,
    command: options.name,
    ...argumentsOf(options.words, known),
    issued_at: now,
    expires_at: now + ttlS * 1_000,
  };
  const startedMs = performance.now();
  const result = await call({
    ...endpointOf(config.mqtt.endpoint),
    credentials: readCredentials(cloudFiles(config, options)),
    topicPrefix: config.topic_prefix,
    id,
    payload: JSON.stringify(command),
    expiresInS: Math.ceil(ttlS),
    timeoutMs: options.timeoutS * 1_000,
  });
  const tookMs = Math.round(performance.now() - startedMs);
  if (options.json) process.stdout.write(`${JSON.stringify({ command, result: result ?? null, took_ms: tookMs })}\n`);
  else
    process.stdout.write(
      result ? describe(options.name, result, tookMs) : `${options.name} ${id}: no answer within ${options.timeoutS} s\n`,
    );
  if (!result) process.stderr.write(`elderly-bot: ${whyNone(config, options.file)}\n`);
  return result?.status === 'done' ? 0 : 1;
}

/** A command that nobody answers: from here it can only be seen whether the agent is on this machine. */
function whyNone({ thing, state_dir: stateDir }: Config, file: string | undefined): string {
  const flag = file === undefined ? '' : ` --config ${file}`;
  return lockHolder(stateDir) === undefined
    ? `no agent runs on this machine’s ${stateDir}; start it: elderly-bot run${flag} (of a robot elsewhere, see that ${thing} is its name)`
    : `the agent here runs; whether it is connected: elderly-bot status${flag}, and why not: elderly-bot doctor${flag}`;
}

function describe(name: string, { id, status, reason, detail, applied }: Result, tookMs: number): string {
  const why = [reason, detail].filter(Boolean).join(': ');
  const published = applied === undefined ? '' : `; applied ${JSON.stringify(applied)}`;
  return `${name} ${id}: ${status}${why ? ` (${why})` : ''} after ${tookMs} ms${published}\n`;
}

/** Words as the configuration's types want them; of a command it does not know, as JSON where they are. */
function argumentsOf(words: readonly string[], command: CommandConfig | undefined): Pick<Command, 'value' | 'args'> {
  const [word] = words;
  if (word === undefined) return {};
  const isText = (name: string) => command?.args[name]?.type === 'string';
  if (words.length === 1 && (!/^[a-z][a-z0-9_]*=/.test(word) || isText('value')))
    return { value: isText('value') ? word : jsonOrText(word) };
  const args = words.map((each) => {
    const at = each.indexOf('=');
    if (at < 1) {
      throw new AgentError('CONFIG_INVALID', `argument ${each}: expected NAME=VALUE`, {
        remedy: 'elderly-bot commands shows an example of each',
      });
    }
    const [name, text] = [each.slice(0, at), each.slice(at + 1)];
    return [name, isText(name) ? text : jsonOrText(text)] as const;
  });
  return { args: Object.fromEntries(args) };
}

function jsonOrText(text: string): unknown {
  const json = parseJson(text);
  return json === undefined ? text : json;
}

/** Given, or what `certs dev-ca` put beside the robot's own. */
function cloudFiles({ mqtt, state_dir: stateDir }: Config, { cert, key }: SendOptions): CredentialPaths {
  const own = identityPaths(mqtt, stateDir);
  const folder = dirname(own.certFile);
  const files = { certFile: cert ?? join(folder, 'cloud.crt.pem'), privateKey: key ?? join(folder, 'cloud.key.pem') };
  const missing = Object.values(files).find((file) => !existsSync(file));
  if (missing === undefined) return { rootCa: own.rootCa, ...files };
  throw new AgentError('CERTIFICATE_MISSING', `the cloud’s certificate or key ${missing}: no such file`, {
    remedy: 'give --cert and --key; a robot’s own certificate may not send commands. On a bench `elderly-bot certs dev-ca` makes them',
  });
}
