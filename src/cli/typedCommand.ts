// Builds a command from words that a person typed, for `elderly-bot send` and `elderly-bot commands sign`.
import { randomBytes } from 'node:crypto';
import { parseJson } from '../base/index.ts';
import type { CommandConfig, Config } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { readSigningKey, type Signable, signCommand } from '../signing/index.ts';
import type { Command } from '../wire/index.ts';

const TTL_S = 10;

export interface TypedCommand {
  readonly name: string;
  /** A single `VALUE`, or one `NAME=VALUE` per argument. */
  readonly words: readonly string[];
  /** Validity of the command in seconds. The default is 10, or the configured limit if that is lower. */
  readonly ttl: number | undefined;
  /** File of the private key that signs the command. */
  readonly sign: string | undefined;
}

/** @throws AgentError CONFIG_INVALID, FAMILY_KEY_INVALID or KEY_PERMISSIONS */
export async function commandFrom({ thing, commands }: Config, { name, words, ttl, sign }: TypedCommand): Promise<Signable> {
  const known = Object.hasOwn(commands, name) ? commands[name] : undefined;
  const now = Date.now();
  const command: Signable = {
    id: randomBytes(12).toString('base64url'),
    thing,
    command: name,
    ...argumentsOf(words, known),
    issued_at: now,
    expires_at: now + (ttl ?? Math.min(TTL_S, (known?.ttl ?? Number.POSITIVE_INFINITY) / 1_000)) * 1_000,
  };
  return sign === undefined ? command : signCommand(command, readSigningKey(sign));
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
