// The robot of the systemd campaign: the agent from its package in a systemd of its own, and a node that publishes.
import { basename, join } from 'node:path';
import { claimDomain, type RosDomain } from '../../../scripts/lab/domain.ts';
import type { Ending } from '../../../src/service/index.ts';
import { robotPackage } from '../../support/robotPackage.ts';
import { RosPeer } from '../../support/ros.ts';
import { ServiceBench, STATE, UNIT } from '../../support/service.ts';
import { LAB_ROOT, type Properties, ROBOT_USER } from '../../support/systemd.ts';

const LOAD = { topic: '/steps', type: 'std_msgs/msg/Int32', perSecond: 500 };
/** ROS nodes usually discover each other within a second. */
const HEARD_WITHIN_MS = 30_000;
const VERSIONS = ['1.0.0', '1.1.0'] as const;

/** The folder in which the package's launcher looks for ROS after /opt/ros. */
const ENVIRONMENT = `ELDERLY_BOT_ROS_PREFIX=${LAB_ROOT}/.ros2\n`;

export class Robot {
  readonly bench: ServiceBench;
  readonly #domain: RosDomain;
  readonly #packages: readonly string[];
  #node: RosPeer | undefined;

  private constructor(bench: ServiceBench, domain: RosDomain, packages: readonly string[], node: RosPeer) {
    this.bench = bench;
    this.#domain = domain;
    this.#packages = packages;
    this.#node = node;
  }

  static async start(): Promise<Robot> {
    const domain = await claimDomain();
    const bench = await ServiceBench.start(domain);
    try {
      const packages = VERSIONS.map((version) => basename(robotPackage(join(bench.lab.folder, 'packages'), version)));
      const robot = new Robot(bench, domain, packages, await nodeIn(domain));
      robot.setEnvironment('');
      robot.installPackage(0);
      bench.install({ program: '/usr/bin/elderly-bot' });
      return robot;
    } catch (error) {
      await bench.stop();
      throw error;
    }
  }

  /** The lines of the unit's environment file. */
  setEnvironment(lines: string): void {
    this.bench.setEnvironment(ENVIRONMENT + lines);
  }

  /** Installs one of two versions over the present one. */
  installPackage(which: number): void {
    // Node.js comes from this machine, not from a package.
    this.bench.lab.must('dpkg', '--force-depends', '--install', `/run/lab/packages/${this.#packages[which]}`);
  }

  async endNode(): Promise<void> {
    await this.#node?.close();
    this.#node = undefined;
  }

  /** For a machine without one. */
  async startNode(): Promise<void> {
    this.#node ??= await nodeIn(this.#domain);
  }

  /** Resolves when the agent receives the node's messages. After a kill the node may know only the dead agent for a while. */
  async heard(): Promise<void> {
    const before = await this.messages();
    await this.bench.lab.until(async () => {
      await this.#node?.publish(LOAD.topic, LOAD.type, { data: 0 });
      return (await this.messages()) > before;
    }, HEARD_WITHIN_MS);
  }

  /** Number of the node's messages that the agent has received since its start. */
  async messages(): Promise<number> {
    const { channels } = await this.bench.status(() => true);
    return channels.find(({ topic }) => topic === LOAD.topic)?.messages ?? 0;
  }

  /** Lets the node publish for a second. */
  async publish(): Promise<void> {
    await this.#node?.burst(LOAD.topic, LOAD.type, LOAD.perSecond, LOAD.perSecond);
  }

  /** The cause that the agent names for its last end. */
  async ending(): Promise<Ending> {
    const { last_run: last } = await this.bench.status((status) => status.last_run !== null);
    return last ?? { cause: 'unknown', text: 'it says nothing' };
  }

  properties(...names: string[]): Properties {
    return this.bench.lab.properties(UNIT, ...names);
  }

  systemctl(...args: string[]): void {
    this.bench.lab.must('systemctl', ...args);
  }

  get stateDir(): string {
    return this.bench.lab.path(STATE);
  }

  async stop(): Promise<void> {
    await this.endNode();
    await this.bench.stop();
    await this.#domain.release();
  }
}

async function nodeIn({ env }: RosDomain): Promise<RosPeer> {
  const node = await RosPeer.start('robot', env, ROBOT_USER.id);
  await node.advertise(LOAD.topic, LOAD.type);
  return node;
}
