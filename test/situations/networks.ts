// The networks between robot and broker, played in network namespaces with a whole agent: paths that die silently, interfaces that go down,
// slow and lossy links.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProblemCode } from '../../src/status/index.ts';
import { FallingRobot } from '../faults/fallingRobot.ts';
import { BLACK_HOLE, type LabUplink } from '../support/network/labUplink.ts';
import { networkMissing, RobotNetwork } from '../support/network/robotNetwork.ts';
import { Witness } from '../support/network/witness.ts';
import type { Situation } from './situation.ts';
import type { Stage } from './stage.ts';

/** A round trip of 600 ms. */
const SLOW = { delay_ms: 300 };

interface Scene {
  readonly network: RobotNetwork;
  readonly first: LabUplink;
  /** Publishes a fall, and resolves when it is at the broker. */
  readonly fall: () => Promise<void>;
  /** Stops the agent, does `between`, and starts the agent again. Resolves when it has delivered a fall. */
  readonly restart: (between: () => Promise<void>) => Promise<void>;
  /** Resolves when the agent is connected over the interface with this name. */
  readonly uses: (name: string) => Promise<void>;
}

type Row = Pick<Situation, 'situation' | 'reaction'> & {
  readonly also?: readonly ProblemCode[];
  readonly interfaces?: readonly string[];
  /** Comes before the agent. */
  readonly before?: (scene: Pick<Scene, 'network' | 'first'>) => unknown;
  readonly during: (scene: Scene) => Promise<unknown>;
};

/** Plays a robot that has delivered one fall before. Each acknowledgement of an alert may take a second, not 5 s. */
function inNetwork({ interfaces = ['wlan0'], before, during }: Row): Situation['play'] {
  return async (stage: Stage) => {
    const network = await RobotNetwork.start(interfaces);
    stage.atEnd(() => network.stop());
    const witness = await Witness.start(network.socket);
    stage.atEnd(() => witness.stop());
    const [first] = network.uplinks;
    if (!first) throw new Error('the network has no uplink');
    await before?.({ network, first });
    const config = join(network.folder, 'robot.yaml');
    const uplinks = interfaces.length > 1 ? `, uplinks: [${interfaces.join(', ')}]` : '';
    writeFileSync(config, `state_dir: state\nmqtt: { alert_timeout: 1s${uplinks} }\nchannels: { fall: { report: { on: message } } }\n`);
    let robot = await FallingRobot.start(network, witness, config);
    await during({
      network,
      first,
      fall: async () => {
        await robot.fall();
        await robot.arrival();
      },
      restart: async (between) => {
        await robot.stop();
        stage.raised(...robot.problems);
        await between();
        robot = await FallingRobot.start(network, witness, config);
      },
      uses: (name) => robot.uses(name),
    });
    stage.raised(...robot.problems);
    await robot.kill();
  };
}

const ROWS: readonly Row[] = [
  {
    situation: 'All packets vanish behind the preferred interface of `mqtt.uplinks`, while its link stays up.',
    reaction:
      'The agent connects over the next interface once an alert has no acknowledgement after `mqtt.alert_timeout`. It goes back within a minute after the preferred one works again.',
    interfaces: ['wlan0', 'wwan0'],
    during: async ({ first, fall, uses }) => {
      await uses('wlan0');
      await first.harm(BLACK_HOLE);
      await fall();
      await uses('wwan0');
      await first.heal();
      await uses('wlan0');
    },
  },
  {
    situation: 'The preferred interface of `mqtt.uplinks` goes down.',
    reaction: 'The agent connects over the next interface at once.',
    interfaces: ['wlan0', 'wwan0'],
    during: async ({ first, fall, uses }) => {
      await uses('wlan0');
      first.down();
      await uses('wwan0');
      await fall();
      first.up();
      await uses('wlan0');
    },
  },
  {
    situation: 'The agent starts while all packets vanish behind the preferred interface, also those to the name servers.',
    reaction: 'The agent waits 2 s for the name servers, takes the last known addresses, and connects over the next interface 3 s later.',
    interfaces: ['wlan0', 'wwan0'],
    during: async ({ first, restart, uses }) => {
      await restart(() => first.harm(BLACK_HOLE));
      await uses('wwan0');
    },
  },
  {
    situation: 'Large packets vanish behind the preferred interface (MTU black hole), and its router forgets the connection.',
    reaction:
      'The TLS handshake over the preferred interface gets no answer. The agent connects over the next one, and delivers the alert.',
    interfaces: ['wlan0', 'wwan0'],
    during: async ({ first, fall, uses }) => {
      await uses('wlan0');
      await first.harm({ longest: 1_300, forget: true });
      await fall();
      await uses('wwan0');
    },
  },
  {
    situation: 'A router forgets its connections (address translation), and says nothing.',
    reaction: 'The agent connects again over the same interface once an alert has no acknowledgement after `mqtt.alert_timeout`.',
    during: async ({ first, fall }) => {
      await first.harm({ forget: true });
      await fall();
    },
  },
  {
    situation: 'Packets over IPv6 vanish, and those over IPv4 do not.',
    reaction: 'The agent connects over IPv4 once an alert has no acknowledgement after `mqtt.alert_timeout`.',
    during: async ({ first, fall }) => {
      await first.harm({ drop: [6] });
      await fall();
    },
  },
  {
    situation: 'The agent starts while packets over IPv6 vanish.',
    reaction: 'The agent tries IPv4 a second after IPv6, and connects.',
    before: ({ first }) => first.harm({ drop: [6] }),
    during: ({ fall }) => fall(),
  },
  {
    situation: 'Each packet takes 300 ms each way, over IPv4 and IPv6.',
    reaction: 'The agent connects. It waits a second for an address before it tries the next one beside it.',
    before: ({ first }) => first.harm(SLOW),
    during: ({ fall }) => fall(),
  },
  {
    situation: 'A fifth of all packets vanishes.',
    reaction: 'TCP sends them again. The connection stays.',
    during: async ({ first, fall }) => {
      await first.harm({ loss: 0.2 });
      for (let n = 0; n < 5; n++) await fall();
    },
  },
  {
    situation: 'The name servers stop answering, and a router forgets the connection.',
    reaction: 'The agent connects to the addresses that the name servers gave last.',
    during: async ({ network, first, fall }) => {
      network.resolves = false;
      await first.harm({ forget: true });
      await fall();
      network.resolves = true;
    },
  },
  {
    situation: 'The only interface goes down with an alert, and comes back.',
    reaction: 'The agent connects within 2 s after the interface has a new address or a new default route, and delivers the alert.',
    also: ['broker_unreachable'],
    during: async ({ first, fall }) => {
      first.down();
      const fell = fall();
      await first.heal();
      first.up();
      await fell;
    },
  },
];

export const networks: readonly Situation[] = ROWS.map((row) => ({
  situation: row.situation,
  reaction: row.reaction,
  problem: null,
  also: row.also ?? [],
  skip: networkMissing(),
  play: inNetwork(row),
}));
