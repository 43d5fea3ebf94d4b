// Sends a member's command to a robot and reads its result. The row is committed before the command is published, so every command that a
// robot may have received is known here. Any instance may send a command, and any instance may receive its result.

import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { z } from 'zod';
import { messageOf } from '../../../src/base/index.ts';
import {
  type AnnouncedCommand,
  COMMAND_ID_PATTERN,
  type Command as CommandMessage,
  EXPIRY_GRACE_MS,
  MAX_COMMAND_BYTES,
  MAX_ISSUED_AHEAD_MS,
  RESULT_REASONS,
  RESULT_STATUSES,
  topicsOf,
} from '../../../src/wire/index.ts';
import { type Database, storableJson } from '../database/index.ts';
import { HttpError } from '../http/index.ts';

/** Time for a result to arrive once the command has expired. The robot answers at once, so this covers the transfer in both directions. */
const ANSWER_MS = 10_000;

const time = z.number().int();
export const commandId = z.string().regex(COMMAND_ID_PATTERN);
export const argument = z.union([z.boolean(), z.number(), z.string()]);
type Argument = z.infer<typeof argument>;
type Arguments = Readonly<Record<string, Argument>>;
type Schema = Readonly<Record<string, unknown>>;

export interface CommandRequest {
  readonly thing: string;
  readonly command: string;
  /** The only argument, under the name `value`. */
  readonly value?: Argument | undefined;
  readonly args?: Arguments | undefined;
  readonly ttlS: number;
  /** The fields of a command that a device of the family signed, and its signature. Only the robot reads the signature. */
  readonly signed?: SignedFields | undefined;
  readonly userId: number;
  /** Names the command for its user. The same command under the same key is sent at most once. */
  readonly key?: string | undefined;
}

export type SignedFields = Required<Pick<CommandMessage, 'sig'>> & {
  readonly id: string;
  readonly issued_at: number;
  readonly expires_at: number;
};

export const issuedCommand = z.object({
  id: commandId,
  expires_at: time,
  online: z.boolean().describe('Whether the robot was online according to its presence'),
});
type IssuedCommand = z.infer<typeof issuedCommand>;

export const commandState = z.object({
  id: commandId,
  thing: z.string(),
  command: z.string(),
  args: z.record(z.string(), argument),
  issued_by: z.number().int().nullable(),
  issued_at: time,
  expires_at: time,
  /** `not_sent` means that there was no PUBACK. */
  status: z
    .enum(['pending', 'not_sent', 'unanswered', ...RESULT_STATUSES])
    .describe('The status of the result, if there is one. A robot without a link may still answer an unanswered command'),
  result: z
    .object({
      status: z.enum(RESULT_STATUSES),
      reason: z.enum(RESULT_REASONS).nullable(),
      detail: z.string().nullable(),
      applied: z.unknown().describe('The published value, after clamping'),
      at: time.describe("Time by the robot's clock"),
    })
    .nullable(),
});
type Command = z.infer<typeof commandState>;

interface CommandRow extends Omit<Command, 'status'> {
  readonly sent_at: number | null;
}

type RobotRow = { prefix: string; online: boolean; commands: readonly AnnouncedCommand[] | null };

export interface CommandsOptions {
  readonly db: Database;
  /** Resolves with the broker's PUBACK. */
  readonly publish: (topic: string, payload: string) => Promise<void>;
  readonly log: Logger;
  readonly nowMs?: () => number;
}

export class Commands {
  readonly #options: CommandsOptions;
  readonly #nowMs: () => number;

  constructor(options: CommandsOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  /**
   * @returns the new command, or the one that a concurrent request has sent under its key.
   * @throws HttpError 409, 413 or 422 that names the wrong field, or 503 if the broker does not accept the command.
   */
  async issue(request: CommandRequest): Promise<IssuedCommand> {
    const { db } = this.#options;
    const { thing, command, userId, key = null } = request;
    const [robot] = await db.query<RobotRow>('select prefix, online, commands from robots where thing = $1', [thing]);
    if (!robot) throw new HttpError(409, `thing: ${thing} has never sent a message`);
    const args = argumentsOf(request, robot.commands ?? []);
    const { sig, ...fields } = this.#fieldsOf(request);
    const { id, issued_at, expires_at } = fields;
    const payload = JSON.stringify({ id, thing, command, args, issued_at, expires_at, sig } satisfies CommandMessage);
    const bytes = Buffer.byteLength(payload);
    if (bytes > MAX_COMMAND_BYTES)
      throw new HttpError(413, `args: the command has ${bytes} bytes, but robots read at most ${MAX_COMMAND_BYTES}`);
    // The signature is not stored: only the robot needs it, and only until the command expires.
    const [added] = await db.query<{ id: string }>(
      `insert into commands (id, thing, command, args, issued_by, issued_at, expires_at, idempotency_key)
      values ($1, $2, $3, $4::text::jsonb, $5, $6, $7, $8) on conflict do nothing returning id`,
      [id, thing, command, storableJson(args), userId, issued_at, expires_at, key],
    );
    if (!added) {
      const concurrent = await this.earlier(request);
      if (concurrent) return concurrent;
      throw new HttpError(409, `id: a command ${id} was given before; sign the command again with a new id`);
    }
    await this.#send(id, topicsOf(robot.prefix).commands, payload);
    return { id, expires_at, online: robot.online };
  }

  /** @returns the command that the key names; null if it names none yet. @throws HttpError 422 if it names another command. */
  async earlier({ thing, command, ttlS, signed, userId, key, ...request }: CommandRequest): Promise<IssuedCommand | null> {
    if (key === undefined) return null;
    const [found] = await this.#options.db.query<IssuedCommand & { same: boolean }>(
      `select c.id, c.expires_at, coalesce(r.online, false) as online,
        c.thing = $3 and c.command = $4 and c.args = $5::text::jsonb and c.expires_at - c.issued_at = $6::bigint and c.id = coalesce($7, c.id) as same
      from commands c left join robots r using (thing) where c.issued_by = $1 and c.idempotency_key = $2`,
      [
        ...[userId, key, thing, command, storableJson(givenIn(request))],
        ...[signed ? signed.expires_at - signed.issued_at : ttlS * 1_000, signed?.id ?? null],
      ],
    );
    if (!found) return null;
    const { same, ...earlier } = found;
    if (!same) throw new HttpError(422, `Idempotency-Key: it names another command, ${found.id}; send a new command with a new key`);
    return earlier;
  }

  /** @returns the fields that the device chose before it signed, or those of a new command. @throws HttpError 422 */
  #fieldsOf({ signed, ttlS }: CommandRequest): Omit<SignedFields, 'sig'> & { readonly sig?: unknown } {
    const nowMs = this.#nowMs();
    if (!signed) return { id: randomUUID(), issued_at: nowMs, expires_at: nowMs + ttlS * 1_000 };
    const { issued_at: issuedAt, expires_at: expiresAt } = signed;
    if (expiresAt + EXPIRY_GRACE_MS < nowMs)
      throw new HttpError(422, `expires_at: it was ${nowMs - expiresAt} ms ago by the cloud's clock`);
    if (issuedAt > nowMs + MAX_ISSUED_AHEAD_MS)
      throw new HttpError(422, `issued_at: it is ${issuedAt - nowMs} ms ahead of the cloud's clock`);
    return signed;
  }

  async read(id: string): Promise<Command | null> {
    const [row] = await this.#options.db.query<CommandRow>(READ, [id]);
    if (!row) return null;
    const { sent_at, ...command } = row;
    const isPending = this.#nowMs() <= row.expires_at + EXPIRY_GRACE_MS + ANSWER_MS;
    const status = isPending ? 'pending' : sent_at === null ? 'not_sent' : 'unanswered';
    return { ...command, status: row.result?.status ?? status };
  }

  async #send(id: string, topic: string, payload: string): Promise<void> {
    const { db, publish, log } = this.#options;
    try {
      await publish(topic, payload);
    } catch (error) {
      const reason = messageOf(error);
      throw new HttpError(503, `command ${id}: ${reason}; the robot may have received it: try GET /commands/${id} before you repeat it`);
    }
    // The robot may act already, so an error would make the member repeat the command.
    await db.query('update commands set sent_at = $2 where id = $1', [id, this.#nowMs()]).catch((error: unknown) => {
      log.warn(
        { event: 'command_unrecorded', id, reason: messageOf(error) },
        'the command was sent, but is listed as not sent until its result',
      );
    });
  }
}

/** A result that arrives twice is stored once. If there are two results with the same id, the one that is not a `duplicate` counts. */
const READ = `
select c.id, c.thing, c.command, c.args, c.issued_by, c.issued_at, c.expires_at, c.sent_at, r.result
from commands c left join lateral (
  select jsonb_build_object('status', r.status, 'reason', r.reason, 'detail', r.detail, 'applied', r.applied, 'at', r.at) as result
  from results r where r.thing = c.thing and r.id = c.id
  order by r.status = 'duplicate', r.received_at limit 1
) r on true where c.id = $1`;

/** @throws HttpError 422. */
function argumentsOf({ command, value, args, thing, signed }: CommandRequest, announced: readonly AnnouncedCommand[]): Arguments {
  const known = announced.find(({ name }) => name === command);
  if (!known) {
    const names = announced.map(({ name }) => name).join(', ') || 'no commands';
    throw new HttpError(422, `command: ${thing} has not announced ${command}; it accepts ${names}`);
  }
  if (known.signed === 'required' && !signed) {
    throw new HttpError(422, `sig: ${thing} takes ${command} only with the signature of a device that is paired with it`);
  }
  if (value !== undefined && args !== undefined) throw new HttpError(422, 'args: give either value or args');
  const given = givenIn({ value, args });
  const problem = argumentProblem(known.args, given);
  if (problem !== null) throw new HttpError(422, args === undefined ? problem : `args.${problem}`);
  return given;
}

function givenIn({ value, args }: Pick<CommandRequest, 'value' | 'args'>): Arguments {
  return args ?? (value === undefined ? {} : { value });
}

/**
 * Checks arguments against the JSON Schema that the robot announced. Pure. Keywords that are not handled here are left to the
 * robot. These include patterns, because a regular expression from outside could block this process.
 * @returns the problem, which begins with the argument's name.
 */
export function argumentProblem(schema: unknown, given: Arguments): string | null {
  if (!isObject(schema)) return null;
  const known = isObject(schema.properties) ? schema.properties : {};
  for (const [name, value] of Object.entries(given)) {
    const property = Object.hasOwn(known, name) ? known[name] : undefined;
    if (property === undefined && schema.additionalProperties === false) {
      return `${name}: this command has no such argument; it has ${Object.keys(known).join(', ') || 'no arguments'}`;
    }
    const problem = isObject(property) ? valueProblem(property, value) : null;
    if (problem !== null) return `${name}: ${problem}`;
  }
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const missing = required.find((name) => !Object.hasOwn(given, String(name)));
  return missing === undefined ? null : `${missing}: this argument is missing`;
}

function valueProblem(schema: Schema, value: Argument): string | null {
  const { type, minimum, maximum, maxLength, enum: words } = schema;
  if (typeof type === 'string' && !hasType(type, value)) return `expected ${type}`;
  if (Array.isArray(words) && !words.includes(value)) return `expected one of ${words.join(', ')}`;
  if (typeof value === 'number') {
    if (typeof minimum === 'number' && value < minimum) return `expected at least ${minimum}`;
    if (typeof maximum === 'number' && value > maximum) return `expected at most ${maximum}`;
  }
  if (typeof value === 'string' && typeof maxLength === 'number' && value.length > maxLength)
    return `expected at most ${maxLength} characters`;
  return null;
}

/** Accepts every value of an unknown type. */
function hasType(type: string, value: Argument): boolean {
  if (type === 'integer') return Number.isSafeInteger(value);
  return !['string', 'number', 'boolean'].includes(type) || typeof value === type;
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
