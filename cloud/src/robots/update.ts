// Updates one row per robot: its presence, its latest state, and the time of its last rows for the inherited tables. All rows of a
// batch are locked together, changed in the order of the messages, and written in one statement.
import { compareMarks, MAX_BOOT_STEP, type Mark, type Power, type Presence } from '../../../src/wire/index.ts';
import { columnsOf, type Sql, storableJson, storableText } from '../database/index.ts';
import { type Message, type PresenceMessage, type RowsMessage, thingOf } from '../messages/index.ts';
import { type MonitorRow, queueRows } from './monitorRows.ts';
import { type DueRows, declaredValues, dueRows, type Filled, type HealthRow, rowsAfterRemoval, type SafetyWords } from './monitors.ts';
import { type Channels, type StateValues, takePresence, takeState } from './state.ts';

/** A mark that no later one exceeds counts for so long. */
const MARK_EXPIRES_MS = 86_400_000;
/** If a robot only delivers rows, its `last_heard_at` is updated at most this often (ms), because each update copies the whole row. */
const HEARD_EVERY_MS = 5_000;

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
  storage: Presence['storage'] | null;
  state: StateValues;
  state_outbox: string | null;
  state_seq: number | null;
  state_boot: number | null;
  state_ms: number | null;
  channels: Channels;
  safety: SafetyWords | null;
  safety_filled_ms: number | null;
  health_filled_ms: number | null;
  health: HealthRow | null;
  /** When the highest mark came. */
  marked_at: number | null;
  owns_prefix: boolean;
  /** Only written, never read. Null keeps the stored commands. */
  commands: unknown;
  /** Whether the robot itself sent a message in this batch. A last will does not count. */
  heard: boolean;
}

const COLUMNS = `prefix, session, online, session_boot, session_ms, presence_at, version, boot, telemetry_every_ms, power, reason, storage, state,
  state_outbox, state_seq, state_boot, state_ms, channels, safety, safety_filled_ms, health_filled_ms, health, marked_at, owns_prefix`;
const ASSIGNMENTS = COLUMNS.split(/,\s+/).map((name) => `${name} = n.${name}`);

type RobotMessage = RowsMessage | PresenceMessage;

/** A presence in which a robot's storage differs from the presence before. */
export interface StorageChange {
  readonly thing: string;
  readonly hasFailed: boolean;
  /** The mark of this presence, which names the outage. */
  readonly boot: number;
  readonly ms: number;
}

interface Due {
  readonly monitors: MonitorRow[];
  readonly storage: StorageChange[];
}

/** @returns the presences that changed a robot's storage, in their order. */
export async function updateRobots(sql: Sql, messages: readonly Message[], nowMs: number): Promise<StorageChange[]> {
  const received = messages.filter((message): message is RobotMessage => message.kind !== 'poison');
  const updates = received.filter((message) => message.kind === 'presence' || message.state !== null);
  const updated = new Set(updates.map(thingOf));
  const prefixes = new Map(received.map((message) => [thingOf(message), message]));
  const heardOnly = [...prefixes.keys()].filter((thing) => !updated.has(thing));
  await insertMissing(sql, prefixes);
  await recordHeard(sql, heardOnly);
  if (updated.size === 0) return [];
  const robots = await lockRobots(sql, [...updated]);
  const due: Due = { monitors: [], storage: [] };
  for (const message of updates) {
    const robot = robots.get(thingOf(message));
    if (robot) apply(robot, message, nowMs, due);
  }
  await writeRobots(sql, [...robots.values()]);
  await queueRows(sql, due.monitors);
  return due.storage;
}

async function insertMissing(sql: Sql, robots: ReadonlyMap<string, RobotMessage>): Promise<void> {
  if (robots.size === 0) return;
  await sql.query(
    `insert into robots (thing, prefix, owns_prefix)
    select n.thing, n.prefix, n.is_proven
      or (row_number() over (partition by n.prefix order by n.nth) = 1 and not exists (select from robots r where r.prefix = n.prefix))
    from unnest($1::text[], $2::text[], $3::boolean[]) with ordinality as n(thing, prefix, is_proven, nth)
    where not exists (select from robots r where r.thing = n.thing) order by n.thing on conflict do nothing`,
    columnsOf([...robots].map(([thing, { prefix, isProven }]) => [thing, prefix, isProven])),
  );
}

/** Skips robots that another instance has locked, because that instance updates them. */
async function recordHeard(sql: Sql, things: readonly string[]): Promise<void> {
  if (things.length === 0) return;
  await sql.query(
    `update robots set last_heard_at = clock_timestamp() where thing in (
      select thing from robots where thing = any($1::text[]) and last_heard_at < clock_timestamp() - $2 * interval '1 ms'
      for update skip locked)`,
    [things, HEARD_EVERY_MS],
  );
}

/** Locks the robots' rows by name, after the outboxes' rows. Every instance uses this order, so that they cannot deadlock. */
async function lockRobots(sql: Sql, things: readonly string[]): Promise<Map<string, RobotRow>> {
  const rows = await sql.query<RobotRow>(
    `select thing, ${COLUMNS}, null as commands, false as heard from robots where thing = any($1::text[]) order by thing for update`,
    [things],
  );
  return new Map(rows.map((row) => [row.thing, row]));
}

function apply(robot: RobotRow, message: RobotMessage, nowMs: number, due: Due): void {
  const isUnbound = robot.prefix === '';
  robot.prefix = message.prefix;
  robot.owns_prefix ||= message.isProven || isUnbound;
  robot.heard ||= message.kind === 'rows' || message.presence.online;
  if (!believes(robot, message.kind === 'presence' ? message.presence.mark : message.state?.mark, nowMs)) return;
  if (message.kind === 'presence') applyPresence(robot, message, nowMs, due);
  else applyState(robot, message, nowMs, due);
}

/**
 * Whether a mark may be true. A boot counter that jumps is ignored. A mark that nothing exceeded for a day expires, so that a false one does
 * not hide its robot for ever; what it ordered is then forgotten.
 */
function believes(robot: RobotRow, mark: Mark | undefined, nowMs: number): boolean {
  if (mark === undefined) return true;
  const marks = [markOf(robot.session_boot, robot.session_ms), markOf(robot.state_boot, robot.state_ms)];
  const [highest = mark] = marks.sort(compareMarks).reverse();
  const isFirst = robot.session === null && robot.state_outbox === null;
  const isHigher = compareMarks(mark, highest) > 0;
  const isJump = !isFirst && mark[0] - highest[0] > MAX_BOOT_STEP;
  if (robot.marked_at !== null && nowMs - robot.marked_at > MARK_EXPIRES_MS && (isJump || !isHigher)) {
    robot.session = null;
    robot.state_outbox = null;
    [robot.session_boot, robot.session_ms, robot.state_boot, robot.state_ms] = [null, null, null, null];
  } else if (isJump) return false;
  else if (!isHigher && robot.marked_at !== null) return true;
  robot.marked_at = nowMs;
  return true;
}

function applyPresence(robot: RobotRow, { presence }: PresenceMessage, nowMs: number, due: Due): void {
  const { online, power, storage } = robot;
  const held =
    robot.session === null ? null : { session: robot.session, online, power, storage, mark: markOf(robot.session_boot, robot.session_ms) };
  const session = storableText(presence.session);
  const next = takePresence(held, { ...presence, session });
  if (!next) return;
  robot.session = next.session;
  robot.online = next.online;
  robot.power = next.power;
  robot.storage = next.storage ?? null;
  [robot.session_boot, robot.session_ms] = next.mark;
  if (robot.storage !== storage) {
    const [boot, ms] = next.mark;
    due.storage.push({ thing: robot.thing, hasFailed: robot.storage === 'failed', boot, ms });
  }
  robot.reason = presence.reason === undefined ? null : storableText(presence.reason);
  if (!presence.online) return;
  robot.presence_at = presence.at;
  robot.version = presence.version === undefined ? robot.version : storableText(presence.version);
  robot.boot = presence.boot ?? robot.boot;
  robot.telemetry_every_ms = presence.telemetry_every_ms ?? null;
  robot.commands = presence.commands ?? robot.commands;
  robot.channels = presence.channels ?? null;
  const before = robot.state;
  robot.state = declaredValues(before, robot.channels);
  addRows(robot, rowsAfterRemoval(before, robot.state, robot.channels, filledOf(robot)), nowMs, due);
}

function applyState(robot: RobotRow, { state }: RowsMessage, nowMs: number, due: Due): void {
  if (!state) return;
  const source =
    robot.state_outbox === null
      ? null
      : { outbox: robot.state_outbox, seq: robot.state_seq ?? 0, mark: markOf(robot.state_boot, robot.state_ms) };
  // A message that was sent before the presence may still have values of channels that were removed in between.
  const isOld = compareMarks(state.mark, markOf(robot.session_boot, robot.session_ms)) <= 0;
  const values = isOld ? declaredValues(state.values, robot.channels) : state.values;
  const next = takeState({ source, values: robot.state }, { ...state, values });
  if (!next?.source) return;
  const before = robot.state;
  robot.state = next.values;
  robot.state_outbox = next.source.outbox;
  robot.state_seq = next.source.seq;
  [robot.state_boot, robot.state_ms] = next.source.mark;
  addRows(robot, dueRows(before, robot.state, robot.channels, filledOf(robot), nowMs), nowMs, due);
}

function filledOf({ safety, safety_filled_ms: safetyMs, health_filled_ms: healthMs, health }: RobotRow): Filled {
  return { safety, safetyMs, healthMs, health };
}

function addRows(robot: RobotRow, { safety, health }: DueRows, nowMs: number, due: Due): void {
  if (safety) {
    due.monitors.push({ thing: robot.thing, target: 'safety_monitor', content: safety });
    robot.safety = safety;
    robot.safety_filled_ms = nowMs;
  }
  if (health) {
    due.monitors.push({ thing: robot.thing, target: 'system_health', content: health });
    robot.health = health;
    robot.health_filled_ms = nowMs;
  }
}

async function writeRobots(sql: Sql, robots: readonly RobotRow[]): Promise<void> {
  await sql.query(
    `update robots as r set ${ASSIGNMENTS.join(', ')}, commands = coalesce(n.commands, r.commands),
      state_xid = case when r.state is distinct from n.state then pg_current_xact_id() else r.state_xid end,
      last_heard_at = case when r.thing = any($2::text[]) then clock_timestamp() else r.last_heard_at end
    from jsonb_populate_recordset(null::robots, $1::text::jsonb) as n where r.thing = n.thing`,
    [storableJson(robots), robots.filter(({ heard }) => heard).map(({ thing }) => thing)],
  );
}

function markOf(boot: number | null, ms: number | null): Mark {
  return [boot ?? 0, ms ?? 0];
}
