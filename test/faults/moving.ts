// A robot that drives, on real parts: Mosquitto, the agent, its guard, and an independent rclpy program that subscribes to /cmd_vel.
import { appendFileSync } from 'node:fs';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import type { Program } from '../../scripts/lab/program.ts';
import { Bench } from '../support/bench.ts';
import { Caller } from '../support/caller.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { type Fields, RosPeer, rosUnavailable } from '../support/ros.ts';

export const CMD_VEL = '/cmd_vel';
const TWIST = 'geometry_msgs/msg/Twist';
const CONFIGURATION = `
ros: { repair_shared_memory: true }
commands:
  speak:
    # Sent before a start that takes longer than the grace, it is still to be taken.
    queue_offline: true
  drive:
    topic: ${CMD_VEL}
    type: ${TWIST}
    message: { linear: { x: $linear }, angular: { z: $angular } }
    args:
      linear: { type: number, min: -0.3, max: 0.3, default: 0 }
      angular: { type: number, min: -1, max: 1, default: 0 }
      duration_ms: { type: integer, min: 50, max: 2000, default: 500 }
    motion: true
    rate: 600
`;

export function movingMissing(): string | false {
  return rosUnavailable() || mosquittoUnavailable();
}

function speedOf(message: Fields): number {
  const { linear, angular } = message as { linear: { x: number }; angular: { z: number } };
  return Math.abs(linear.x) + Math.abs(angular.z);
}

export class MovingRobot {
  readonly bench: Bench;
  readonly peer: RosPeer;
  readonly caller: Caller;
  readonly #domain: RosDomain;

  private constructor(parts: { bench: Bench; peer: RosPeer; caller: Caller; domain: RosDomain }) {
    this.bench = parts.bench;
    this.peer = parts.peer;
    this.caller = parts.caller;
    this.#domain = parts.domain;
  }

  static async start(): Promise<MovingRobot> {
    const domain = await claimDomain();
    const bench = await Bench.start();
    appendFileSync(bench.configFile, CONFIGURATION);
    const peer = await RosPeer.start();
    await peer.subscribe(CMD_VEL, TWIST);
    return new MovingRobot({ bench, peer, domain, caller: await Caller.connect(bench.broker.port, bench.files) });
  }

  async guard(): Promise<Program> {
    const guard = this.bench.guard();
    await guard.event('guard_ready');
    return guard;
  }

  /** Waits until the agent is connected and the robot has discovered the publishers of agent and guard. */
  async agent(env: NodeJS.ProcessEnv = {}): Promise<Program> {
    const agent = this.bench.agent(env);
    await this.ready();
    return agent;
  }

  async ready(): Promise<void> {
    await this.bench.status(({ link, problems }) => link.state === 'connected' && problems.every(({ code }) => code !== 'guard_missing'));
    await this.peer.matched(CMD_VEL, 4);
  }

  moves(): Promise<number> {
    return this.peer.next(CMD_VEL, (message) => speedOf(message) > 0, 20_000).then(() => performance.now());
  }

  stands(patienceMs = 10_000): Promise<number> {
    return this.peer.next(CMD_VEL, (message) => speedOf(message) === 0, patienceMs).then(() => performance.now());
  }

  async stop(): Promise<void> {
    await this.caller.close();
    await this.bench.stop();
    await this.peer.close();
    await this.#domain.release();
  }
}
