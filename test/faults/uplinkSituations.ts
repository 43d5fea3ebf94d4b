// The situations of the campaign `uplinks`: each harms the robot's network while a fall is published, and says from when the alert's time
// counts.
import { BLACK_HOLE, type Faults, type LabUplink } from '../support/network/labUplink.ts';
import type { RobotNetwork } from '../support/network/robotNetwork.ts';
import { monotonicNs } from '../support/network/witness.ts';
import type { Random } from './random.ts';
import { TOGGLE_EVERY_MS } from './toggling.ts';
import { after } from './world.ts';

export interface Scene {
  readonly network: RobotNetwork;
  readonly first: LabUplink;
  readonly random: Random;
  /** Publishes a fall. @returns the time in nanoseconds. */
  readonly fall: () => Promise<number>;
}

export interface Situation {
  readonly name: string;
  readonly what: string;
  /** Whether the robot has a second uplink. */
  readonly isAlone: boolean;
  /** Faults of the first uplink that are there before the agent connects. */
  readonly from?: Faults;
  /** Faults of the second uplink, all the time. */
  readonly second?: Faults;
  /** Longer than the usual goal. */
  readonly goalMs?: number;
  /** Whether to wait after the alert until the first uplink works again and the agent uses it. */
  readonly returns?: boolean;
  /** Whether the first uplink goes down and up every 20 s, beside what `play` does. One agent then lives through all runs. */
  readonly toggles?: boolean;
  /** Harms the network around one fall. @returns when the alert could be delivered at the earliest: at the fall, or at the link's return. */
  readonly play: (scene: Scene) => Promise<number>;
}

/** The fall comes within this time after the fault. */
const SOON_MS = 3_000;
/** A broker that systemd restarts. */
const RESTART_MS = 1_000;
/** A fault that ends: between these times. */
const AWAY_MS = [15_000, 45_000] as const;
/** While an alert waits, the agent makes an extra attempt every 10 s, so the alert may wait that long after the broker's return. */
const NEXT_ATTEMPT_MS = 11_000;
/** A round trip of 600 ms. */
const SLOW: Faults = { delay_ms: 300 };

/** A fault that stays until the alert is there. */
function harmed(faults: Faults): Situation['play'] {
  return async ({ first, random, fall }) => {
    await first.harm(faults);
    await after(random.between(0, SOON_MS));
    return fall();
  };
}

/** A fault that ends. The fall comes while it lasts, and its time counts from the end. */
function away(
  begin: (scene: Scene) => unknown,
  end: (scene: Scene) => unknown,
  [least, most]: readonly [number, number] = AWAY_MS,
): Situation['play'] {
  return async (scene) => {
    const awayMs = scene.random.between(least, most);
    const fellAfterMs = scene.random.between(0, awayMs);
    await begin(scene);
    await after(fellAfterMs);
    await scene.fall();
    await after(awayMs - fellAfterMs);
    const ns = monotonicNs();
    await end(scene);
    return ns;
  };
}

const sometime: Situation['play'] = async ({ random, fall }) => {
  await after(random.between(0, 2 * TOGGLE_EVERY_MS));
  return fall();
};

const brokerAway = (range: readonly [number, number]) =>
  away(
    ({ network }) => network.broker.kill(),
    ({ network }) => network.broker.restart(),
    range,
  );

export const SITUATIONS: readonly Situation[] = [
  { name: 'undisturbed', what: 'no fault', isAlone: true, play: ({ fall }) => fall() },
  { name: 'broker_restart', what: 'kill -9 of the broker, back after a second', isAlone: true, play: brokerAway([RESTART_MS, RESTART_MS]) },
  {
    name: 'broker_away',
    what: 'the broker is away for 15 to 45 s; from its return',
    isAlone: true,
    goalMs: NEXT_ATTEMPT_MS,
    play: brokerAway(AWAY_MS),
  },
  { name: 'nat_lost', what: 'the router forgets all connections', isAlone: true, play: harmed({ forget: true }) },
  { name: 'ipv6_black_holed', what: 'packets of IPv6 vanish, those of IPv4 do not', isAlone: true, play: harmed({ drop: [6] }) },
  {
    name: 'slow_dual_stack',
    what: '600 ms round trip, the broker restarts',
    isAlone: true,
    from: SLOW,
    play: brokerAway([RESTART_MS, RESTART_MS]),
  },
  { name: 'lossy', what: 'a fifth of the packets vanishes', isAlone: true, play: harmed({ loss: 0.2 }) },
  {
    name: 'alone_black_holed',
    what: 'all packets vanish upstream for 15 to 45 s; from the end',
    isAlone: true,
    play: away(
      ({ first }) => first.harm(BLACK_HOLE),
      ({ first }) => first.heal(),
    ),
  },
  {
    name: 'alone_down',
    what: 'the only interface is down for 15 to 45 s; from its return',
    isAlone: true,
    play: away(
      ({ first }) => first.down(),
      ({ first }) => first.up(),
    ),
  },
  {
    name: 'alone_toggling',
    what: 'the only interface goes down or up every 20 s; while it is down, from its return',
    isAlone: true,
    toggles: true,
    play: sometime,
  },
  { name: 'toggling', what: 'the first interface goes down or up every 20 s', isAlone: false, toggles: true, play: sometime },
  { name: 'black_holed', what: 'all packets of the first uplink vanish upstream', isAlone: false, returns: true, play: harmed(BLACK_HOLE) },
  {
    name: 'black_holed_slow',
    what: 'the same, and the second uplink has a round trip of 600 ms',
    isAlone: false,
    second: SLOW,
    play: harmed(BLACK_HOLE),
  },
  {
    name: 'down',
    what: 'the first interface goes down',
    isAlone: false,
    play: async ({ first, random, fall }) => {
      first.down();
      await after(random.between(0, SOON_MS));
      return fall();
    },
  },
  {
    name: 'mtu_black_holed',
    what: 'packets above 1,300 bytes vanish on the first uplink, and its router forgets all connections',
    isAlone: false,
    play: harmed({ longest: 1_300, forget: true }),
  },
];
