// From a member's request to a message for the robot, and to its result. The row is committed before anything is published, so a command
// that a robot may have received is always known here. Any instance may send a command, and any instance may receive its result.

import { randomUUID } from 'node:crypto';
import { messageOf } from '../../../src/base/index.ts';
import {
  type AnnouncedCommand,
  type Command as CommandMessage,
  EXPIRY_GRACE_MS,
  MAX_COMMAND_BYTES,
  type ResultReason,
  type ResultStatus,
  topicsOf,
} from '../../../src/wire/index.ts';
import type { Database } from '../database/index.ts';
import { storableJson } from '../database/index.ts';
import { HttpError } from '../http/index.ts';
import { type Arguments, wrongArgument } from './arguments.ts';

/** A robot answers at once; the rest is for the way there and back. */
const ANSWER_MS = 10_000;

export interface CommandRequest {
  readonly thing: string;
  readonly command: string;
  /** A single argument, which is then named `value`. */
  readonly value?: Arguments[string] | undefined;
  readonly args?: Arguments | undefined;
  readonly ttlS: number;
  readonly userId: number;
}

export interface IssuedCommand {
  readonly id: string;
  readonly expires_at: number;
  /** By the robot's presence, which may be out of date. */
  readonly online: boolean;
}

export interface CommandResult {
  readonly status: ResultStatus;
  readonly reason: ResultReason | null;
  readonly detail: string | null;
  /** The value that was published, after clamping. */
  readonly applied: unknown;
  readonly at: number;
}

export interface Command {
  readonly id: string;
  readonly thing: string;
  readonly command: string;
  readonly args: Arguments;
  readonly issued_by: number | null;
  readonly issued_at: number;
  readonly expires_at: number;
  /**
   * The result's status, once there is a result. Before that: `pending`; `not_sent` if the broker never acknowledged the command;
   * `unanswered` after it expired. A robot without a link may still send the result later.
   */
  readonly status: ResultStatus | 'pending' | 'not_sent' | 'unanswered';
  readonly result: CommandResult | null;
}

interface CommandRow extends Omit<Command, 'status'> {
  readonly sent_at: number | null;
}

interface RobotRow {
  readonly prefix: string;
  readonly online: boolean;
  readonly commands: readonly AnnouncedCommand[] | null;
}

export interface CommandsOptions {
  readonly db: Database;
  /** Resolves with the broker's PUBACK. */
  readonly publish: (topic: string, payload: string) => Promise<void>;
  readonly nowMs?: () => number;
}

export class Commands {
  readonly #options: CommandsOptions;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /** @throws HttpError 409, 413, 422 with the field named, or 503 if the broker did not take the command. */
  async issue(request: CommandRequest): Promise<IssuedCommand> {
    const { thing, command, ttlS, userId } = request;
    const robot = await this.#robot(thing);
    const args = argumentsOf(request, robot.commands ?? []);
    const id = randomUUID();
    const issued_at = this.#nowMs();
    const expires_at = issued_at + ttlS * 1_000;
    const payload = JSON.stringify({ id, thing, command, args, issued_at, expires_at } satisfies CommandMessage);
    const bytes = Buffer.byteLength(payload);
    if (bytes > MAX_COMMAND_BYTES)
      throw new HttpError(413, `args: the command has ${bytes} bytes, robots read at most ${MAX_COMMAND_BYTES}`);
    await this.#options.db.query(
      'insert into commands (id, thing, command, args, issued_by, issued_at, expires_at) values ($1, $2, $3, $4::text::jsonb, $5, $6, $7)',
      [id, thing, command, storableJson(args), userId, issued_at, expires_at],
    );
    await this.#send(id, topicsOf(robot.prefix).commands, payload);
    return { id, expires_at, online: robot.online };
  }

  async read(id: string): Promise<Command | null> {
    const [row] = await this.#options.db.query<CommandRow>(READ, [id]);
    if (!row) return null;
    const { sent_at, ...command } = row;
    return { ...command, status: row.result?.status ?? this.#statusOf(row) };
  }

  async #robot(thing: string): Promise<RobotRow> {
    const [robot] = await this.#options.db.query<RobotRow>('select prefix, online, commands from robots where thing = $1', [thing]);
    if (!robot) throw new HttpError(409, `thing: ${thing} has never been heard`);
    return robot;
  }

  async #send(id: string, topic: string, payload: string): Promise<void> {
    const { db, publish } = this.#options;
    try {
      await publish(topic, payload);
    } catch (error) {
      throw new HttpError(503, `command ${id}: ${messageOf(error)}; it may not have reached the robot: GET /commands/${id} before another`);
    }
    await db.query('update commands set sent_at = $2 where id = $1', [id, this.#nowMs()]);
  }

  #statusOf({ sent_at, expires_at }: CommandRow): Command['status'] {
    if (this.#nowMs() <= expires_at + EXPIRY_GRACE_MS + ANSWER_MS) return 'pending';
    return sent_at === null ? 'not_sent' : 'unanswered';
  }

  #nowMs(): number {
    return this.#options.nowMs?.() ?? Date.now();
  }
}

/** A result that arrives twice is one row. If there are two rows nevertheless, a `duplicate` counts less. */
const READ = `
select c.id, c.thing, c.command, c.args, c.issued_by, c.issued_at, c.expires_at, c.sent_at, r.result
from commands c left join lateral (
  select jsonb_build_object('status', r.status, 'reason', r.reason, 'detail', r.detail, 'applied', r.applied, 'at', r.at) as result
  from results r where r.thing = c.thing and r.id = c.id
  order by r.status = 'duplicate', r.received_at limit 1
) r on true where c.id = $1`;

/** @throws HttpError 422. */
function argumentsOf({ command, value, args, thing }: CommandRequest, announced: readonly AnnouncedCommand[]): Arguments {
  const known = announced.find(({ name }) => name === command);
  if (!known) {
    const names = announced.map(({ name }) => name).join(', ') || 'none so far';
    throw new HttpError(422, `command: ${thing} has announced no ${command}; it takes ${names}`);
  }
  if (value !== undefined && args !== undefined) throw new HttpError(422, 'args: give either value or args');
  const given = args ?? (value === undefined ? {} : { value });
  const wrong = wrongArgument(known.args, given);
  if (wrong !== null) throw new HttpError(422, args === undefined ? wrong : `args.${wrong}`);
  return given;
}
