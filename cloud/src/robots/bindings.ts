// Binds a thing to its topic prefix. A level `+` of a pattern is the thing, so there the broker's rights prove who sends. On a prefix without
// it, a message only says its thing. Such a message of a thing with another prefix is refused: else one robot could end another's alert and
// receive its commands. Beside robots with proof, a plain prefix belongs to the first thing on it.
import { MAX_BELIEVED_MS } from '../../../src/wire/index.ts';
import type { Sql } from '../database/index.ts';
import { asPoison, type Incoming, type Message, thingOf } from '../messages/index.ts';

export interface Intruder {
  readonly thing: string;
  /** The topic prefix of the message. */
  readonly prefix: string;
  readonly reason: string;
}

export interface Admitted {
  /** With poison in place of each refused message. */
  readonly messages: readonly Message[];
  readonly intruders: readonly Intruder[];
}

/** @param isMixed whether other robots of this cloud prove their names, so that a plain prefix has one robot. */
export async function refuseIntruders(
  sql: Sql,
  incoming: readonly Incoming[],
  messages: readonly Message[],
  isMixed: boolean,
): Promise<Admitted> {
  const claims = messages.filter(({ isProven }) => !isProven);
  if (claims.length === 0) return { messages, intruders: [] };
  const rows = await sql.query<{ thing: string; prefix: string; owns_prefix: boolean }>(
    `select thing, prefix, owns_prefix from robots where thing = any($1::text[]) or (owns_prefix and prefix = any($2::text[]))`,
    [claims.map((message) => claimedThing(message) ?? ''), claims.map(({ prefix }) => prefix ?? '')],
  );
  const prefixes = new Map(rows.map(({ thing, prefix }) => [thing, prefix]));
  const owners = new Map(rows.filter((row) => row.owns_prefix).map(({ thing, prefix }) => [prefix, thing]));
  const intruders: Intruder[] = [];
  const admitted = messages.map((message, i): Message => {
    const [thing, { prefix }] = [claimedThing(message), message];
    if (message.isProven || thing === null || prefix === null) return message;
    const known = prefixes.get(thing) || null;
    const owner = owners.get(prefix) ?? thing;
    const isStranger = known === null && isMixed && owner !== thing;
    if (!isStranger && (known === null || known === prefix)) {
      if (message.kind !== 'poison') {
        prefixes.set(thing, prefix);
        owners.set(prefix, owner);
      }
      return message;
    }
    const reason = isStranger ? `the prefix ${prefix} belongs to ${owner}` : `the robot ${thing} belongs to the prefix ${known}`;
    intruders.push({ thing, prefix, reason });
    const refused = message.kind === 'poison' ? message : asPoison(incoming[i] as Incoming, message, reason);
    return refused ? { ...refused, reason, thing, names: null, alerting: null, unreadAlerts: [] } : message;
  });
  return { messages: admitted, intruders };
}

function claimedThing(message: Message): string | null {
  return message.kind === 'poison' ? (message.alerting ?? message.thing) : thingOf(message);
}

/**
 * Forgets what a robot's messages are compared with: its topic prefix, its marks, the age of its outboxes (their order stays), and times of
 * alerts that no reader can hold. The next message binds it again. Rows, coverage and alerts stay. @returns false if the robot is unknown.
 */
export async function resetRobot(sql: Sql, thing: string): Promise<boolean> {
  const alertTime = (column: string): string =>
    `${column} = case when ${column} is not null then least(greatest(${column}, 0), ${MAX_BELIEVED_MS}) end`;
  const rows = await sql.query(
    `with boxes as (update outboxes set mark_boot = null, mark_ms = null, first_seen_at = first_seen_at - interval '90 days' where thing = $1),
      times as (update alerts set ${alertTime('raised_at')}, ${alertTime('resolved_at')} where thing = $1
        and (raised_at not between 0 and ${MAX_BELIEVED_MS} or resolved_at not between 0 and ${MAX_BELIEVED_MS}))
    update robots set prefix = '', owns_prefix = false, session = null, session_boot = null, session_ms = null,
      state_outbox = null, state_seq = null, state_boot = null, state_ms = null, marked_at = null where thing = $1 returning thing`,
    [thing],
  );
  return rows.length > 0;
}
