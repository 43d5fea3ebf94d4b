// One row a robot: its presence, its latest state, and when the two inherited tables were last filled from it. The rows of a
// batch are locked, changed in the order of the messages, and written back at once.
import type { Mark, Power } from '../../../src/wire/index.ts';
import type { Sql } from '../database/index.ts';
import { storableJson, storableText } from '../database/index.ts';
import type { Message, PresenceMessage, RowsMessage } from '../messages/index.ts';
import { dueRows, type HealthRow, type MonitorTable, type SafetyWords } from './monitors.ts';
import { takePresence } from './presence.ts';
import { type StateValues, takeState } from './state.ts';

/** A robot that only delivers rows is noted as heard so often (ms), not with each message: its row would be written for nothing else. */
const HEARD_EVERY_MS = 5_000;

/** As in the table, but for the commands, which are only ever written. */
interface RobotRow {
  thing: string;
  prefix: string;
  session: string | null;
  online: boolean;
  session_boot: number | null;
  session_ms: number | null;
  presence_at: number | null;
  version: string | null;
  boot: number | null;
  telemetry_every_ms: number | null;
  power: Power | null;
  reason: string | null;
  /** Null: as they were. */
  commands: unknown;
  state: StateValues;
  state_outbox: string | null;
  state_seq: number | null;
  state_boot: number | null;
  state_ms: number | null;
  safety: SafetyWords | null;
  safety_filled_ms: number | null;
  health_filled_ms: number | null;
  /** Whether it spoke itself in this batch. */
  heard: boolean;
}

type RobotMessage = RowsMessage | PresenceMessage;

interface DueRows {
  readonly safety: (SafetyWords & { readonly thing: string })[];
  readonly health: (HealthRow & { readonly thing: string })[];
}

const COLUMNS = `thing, prefix, session, online, session_boot, session_ms, presence_at, version, boot, telemetry_every_ms, power, reason,
  null::jsonb as commands, false as heard, state, state_outbox, state_seq, state_boot, state_ms, safety, safety_filled_ms, health_filled_ms`;

export async function updateRobots(sql: Sql, messages: readonly Message[], nowMs: number): Promise<void> {
  const speaking = messages.filter((message): message is RobotMessage => message.kind !== 'poison');
  const telling = speaking.filter((message) => message.kind === 'presence' || message.state !== null);
  const told = new Set(telling.map(thingOf));
  const prefixes = new Map(speaking.map((message) => [thingOf(message), message.prefix]));
  await insertMissing(sql, prefixes);
  await recordHeard(
    sql,
    [...prefixes.keys()].filter((thing) => !told.has(thing)),
  );
  if (told.size === 0) return;
  const robots = await lockRobots(sql, [...told]);
  const due: DueRows = { safety: [], health: [] };
  for (const message of telling) {
    const robot = robots.get(thingOf(message));
    if (robot) apply(robot, message, nowMs, due);
  }
  await writeRobots(sql, [...robots.values()]);
  await writeDue(sql, due);
}

function thingOf(message: RobotMessage): string {
  return message.kind === 'presence' ? message.presence.thing : message.names.thing;
}

async function insertMissing(sql: Sql, prefixes: ReadonlyMap<string, string>): Promise<void> {
  await sql.query(
    `insert into robots (thing, prefix) select * from unnest($1::text[], $2::text[]) as n(thing, prefix) order by n.thing
    on conflict do nothing`,
    [[...prefixes.keys()], [...prefixes.values()]],
  );
}

/** Robots of which this batch has nothing but rows. One that another instance has locked is being heard there. */
async function recordHeard(sql: Sql, things: readonly string[]): Promise<void> {
  if (things.length === 0) return;
  await sql.query(
    `update robots set last_heard_at = clock_timestamp() where thing in (
      select thing from robots where thing = any($1::text[]) and last_heard_at < clock_timestamp() - $2 * interval '1 ms'
      for update skip locked)`,
    [things, HEARD_EVERY_MS],
  );
}

/** In order of name, as every instance does, after the locks of the outboxes. */
async function lockRobots(sql: Sql, things: readonly string[]): Promise<Map<string, RobotRow>> {
  const rows = await sql.query<RobotRow>(`select ${COLUMNS} from robots where thing = any($1::text[]) order by thing for update`, [things]);
  return new Map(rows.map((row) => [row.thing, row]));
}

function apply(robot: RobotRow, message: RobotMessage, nowMs: number, due: DueRows): void {
  robot.prefix = message.prefix;
  robot.heard ||= message.kind === 'rows' || message.presence.online;
  if (message.kind === 'presence') applyPresence(robot, message);
  else applyState(robot, message, nowMs, due);
}

function applyPresence(robot: RobotRow, { presence }: PresenceMessage): void {
  const { online, power } = robot;
  const held =
    robot.session === null ? null : { session: robot.session, online, power, mark: markOf(robot.session_boot, robot.session_ms) };
  const session = storableText(presence.session);
  const next = takePresence(held, { ...presence, session });
  if (!next) return;
  robot.session = next.session;
  robot.online = next.online;
  robot.power = next.power;
  [robot.session_boot, robot.session_ms] = next.mark;
  robot.reason = presence.reason === undefined ? null : storableText(presence.reason);
  if (!presence.online) return;
  robot.presence_at = presence.at;
  robot.version = presence.version === undefined ? robot.version : storableText(presence.version);
  robot.boot = presence.boot ?? robot.boot;
  robot.telemetry_every_ms = presence.telemetry_every_ms ?? null;
  robot.commands = presence.commands ?? robot.commands;
}

function applyState(robot: RobotRow, { state }: RowsMessage, nowMs: number, due: DueRows): void {
  if (!state) return;
  const source =
    robot.state_outbox === null
      ? null
      : { outbox: robot.state_outbox, seq: robot.state_seq ?? 0, mark: markOf(robot.state_boot, robot.state_ms) };
  const next = takeState({ source, values: robot.state }, state);
  if (!next?.source) return;
  robot.state = next.values;
  robot.state_outbox = next.source.outbox;
  robot.state_seq = next.source.seq;
  [robot.state_boot, robot.state_ms] = next.source.mark;
  const filled = { safety: robot.safety, safetyMs: robot.safety_filled_ms, healthMs: robot.health_filled_ms };
  const rows = dueRows(robot.state, filled, nowMs);
  if (rows.safety) {
    due.safety.push({ thing: robot.thing, ...rows.safety });
    robot.safety = rows.safety;
    robot.safety_filled_ms = nowMs;
  }
  if (rows.health) {
    due.health.push({ thing: robot.thing, ...rows.health });
    robot.health_filled_ms = nowMs;
  }
}

async function writeRobots(sql: Sql, robots: readonly RobotRow[]): Promise<void> {
  await sql.query(
    `update robots as r set prefix = n.prefix, session = n.session, online = n.online, session_boot = n.session_boot,
      session_ms = n.session_ms, presence_at = n.presence_at, version = n.version, boot = n.boot,
      telemetry_every_ms = n.telemetry_every_ms, power = n.power, reason = n.reason,
      commands = coalesce(n.commands, r.commands), state = n.state, state_outbox = n.state_outbox, state_seq = n.state_seq,
      state_boot = n.state_boot, state_ms = n.state_ms, safety = n.safety, safety_filled_ms = n.safety_filled_ms,
      health_filled_ms = n.health_filled_ms,
      state_xid = case when r.state is distinct from n.state then pg_current_xact_id() else r.state_xid end,
      last_heard_at = case when n.heard then clock_timestamp() else r.last_heard_at end
    from jsonb_to_recordset($1::text::jsonb) as n(thing text, prefix text, session text, online boolean, session_boot bigint,
      session_ms bigint, presence_at bigint, version text, boot bigint, telemetry_every_ms bigint, power jsonb, reason text, commands jsonb, state jsonb,
      state_outbox text, state_seq bigint, state_boot bigint, state_ms bigint, safety jsonb, safety_filled_ms bigint,
      health_filled_ms bigint, heard boolean)
    where r.thing = n.thing`,
    [storableJson(robots)],
  );
}

async function writeDue(sql: Sql, { safety, health }: DueRows): Promise<void> {
  if (safety.length > 0) {
    const ids = await sql.query<{ id: number }>(
      `insert into safety_monitor (gas, fire, fall, stranger)
      select gas, fire, fall, stranger from jsonb_to_recordset($1::text::jsonb) as n(gas text, fire text, fall text, stranger text) returning id`,
      [storableJson(safety)],
    );
    await nameRows(sql, 'safety_monitor', ids, safety);
  }
  if (health.length > 0) {
    const ids = await sql.query<{ id: number }>(
      `insert into system_health (power, temperature)
      select power, temperature from jsonb_to_recordset($1::text::jsonb) as n(power integer, temperature float) returning id`,
      [storableJson(health)],
    );
    await nameRows(sql, 'system_health', ids, health);
  }
}

/** Rows get their numbers in the order in which they were given. */
async function nameRows(
  sql: Sql,
  table: MonitorTable,
  ids: readonly { readonly id: number }[],
  rows: readonly { readonly thing: string }[],
): Promise<void> {
  const inOrder = ids.map(({ id }) => id).sort((a, b) => a - b);
  const things = rows.map(({ thing }) => thing);
  await sql.query(
    `insert into ${table}_of (id, thing) select * from unnest($1::integer[], $2::text[])
    on conflict (id) do update set thing = excluded.thing`,
    [inOrder, things],
  );
}

function markOf(boot: number | null, ms: number | null): Mark {
  return [boot ?? 0, ms ?? 0];
}
