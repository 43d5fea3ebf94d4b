// The faults of a soak, their repairs, and the problems by which the robot must name them.
import { rmSync } from 'node:fs';
import type { ProblemCode } from '../../../src/status/index.ts';
import type { Random } from '../random.ts';
import { fillUp } from '../volume.ts';
import type { Ground } from './ground.ts';

const LINK = ['broker_refused_connection', 'broker_unreachable', 'broker_hung_up', 'mqtt_ended'] as const satisfies readonly ProblemCode[];

/** Faults that the next upload reveals. */
const BY_UPLOADS = ['uploads_failing'] as const satisfies readonly ProblemCode[];

/** The facts about a fault. */
export type Named = Pick<Fault, 'name' | 'named' | 'unless'>;

export interface Fault {
  readonly name: string;
  /** Problems that name the fault. */
  readonly named: readonly ProblemCode[];
  /** The reason why the robot may be unable to name it. */
  readonly unless?: string | undefined;
  /** @returns the function that repairs it. */
  readonly harm: (ground: Ground, random: Random) => Promise<() => unknown>;
}

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
/** The last step is longer than the validity of the bench's certificates. */
const STEPS_S = [HOUR_S, DAY_S, 30 * DAY_S, 400 * DAY_S] as const;
const SLOW_BYTES_PER_S = [6_000, 16_000] as const;

export const FAULTS: readonly Fault[] = [
  {
    name: 'broker_killed',
    named: LINK,
    harm: async ({ world }) => {
      await world.bench.broker.kill();
      return () => world.bench.broker.restart();
    },
  },
  {
    name: 'network_cut',
    named: LINK,
    harm: async ({ toBroker }) => {
      await toBroker.pull();
      return () => toBroker.plug();
    },
  },
  {
    name: 'network_dead',
    named: LINK,
    harm: async ({ toBroker }) => {
      toBroker.dead = true;
      return () => {
        toBroker.dead = false;
      };
    },
  },
  {
    name: 'network_slow',
    named: LINK,
    unless: 'a slow link is not a broken one: what waits, and for how long, stands in status (oldest_unconfirmed_ms)',
    harm: async ({ toBroker }, random) => {
      toBroker.bytesPerSecond = random.between(...SLOW_BYTES_PER_S);
      return () => {
        toBroker.bytesPerSecond = undefined;
      };
    },
  },
  {
    name: 'disk_full',
    named: ['disk_low', 'outbox_unwritable', 'logs_unwritable', 'pictures_missing'],
    harm: async ({ world }) => {
      const filler = fillUp(world.bench.stateDir);
      return () => rmSync(filler);
    },
  },
  {
    name: 'clock_stepped',
    named: ['clock_wrong', 'clock_untrusted', 'clock_differs', 'clock_stepped', 'broker_certificate_expired'],
    harm: async ({ clock }, random) => {
      const to1970 = DAY_S - Math.floor(Date.now() / 1000);
      const step = random.pick(STEPS_S);
      clock.set(random.pick([step, -step, to1970]));
      return () => clock.set(0);
    },
  },
  {
    name: 'ros_node_died',
    named: ['sensor_silent'],
    harm: async ({ hall }) => {
      await hall.kill();
      return () => hall.start();
    },
  },
  {
    name: 'store_down',
    named: BY_UPLOADS,
    harm: async ({ toStore }) => {
      await toStore.pull();
      return () => toStore.plug();
    },
  },
  {
    name: 'cloud_killed',
    named: BY_UPLOADS,
    harm: async (ground) => {
      await ground.cloud.kill();
      return () => ground.startCloud();
    },
  },
  {
    name: 'database_killed',
    named: BY_UPLOADS,
    harm: async ({ world }) => {
      await world.postgres.kill();
      return () => world.postgres.restart();
    },
  },
];

/** Faults that exclude each other: they break the same part, or the repair of one needs the other. */
const APART: readonly (readonly string[])[] = [
  ['network_cut', 'network_dead', 'network_slow', 'broker_killed'],
  ['cloud_killed', 'database_killed', 'broker_killed'],
];

/** The reason why the robot may be unable to name this fault beside the others. */
export function excuse({ named, unless }: Fault, others: readonly Fault[]): string | undefined {
  if (unless !== undefined) return unless;
  if (named !== BY_UPLOADS) return undefined;
  const hasOther = (wanted: string) => others.some(({ name }) => name === wanted);
  if (hasOther('disk_full')) return 'a full disk takes no picture, so there is nothing to upload';
  if (hasOther('ros_node_died')) return 'the camera died, maybe before there was another picture to upload';
  return undefined;
}

/** A random selection of compatible faults, in a random order. */
export function chosen(count: number, random: Random): Fault[] {
  const found: Fault[] = [];
  const fits = ({ name }: Fault) =>
    found.every((other) => other.name !== name && !APART.some((group) => group.includes(name) && group.includes(other.name)));
  while (found.length < count) {
    const open = FAULTS.filter(fits);
    if (open.length === 0) break;
    found.push(random.pick(open));
  }
  return found;
}
