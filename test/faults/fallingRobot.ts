// A whole agent with a simulated ROS, to which falls are published one after the other. A witness hears its broker.
import { join } from 'node:path';
import { type Program, ROOT } from '../../scripts/lab/program.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { ProblemCode } from '../../src/status/index.ts';
import { awaitStatus } from '../support/agentStatus.ts';
import type { RobotNetwork } from '../support/network/robotNetwork.ts';
import type { Witness } from '../support/network/witness.ts';

const CONNECTED_WITHIN_MS = 120_000;
/** After this time an alert counts as lost. */
const PATIENCE_MS = 300_000;

/** Starts programs of the robot. */
export type Place = Pick<RobotNetwork, 'program'>;

export class FallingRobot {
  readonly #witness: Witness;
  readonly #agent: Program;
  readonly #stateDir: string;
  #published = 0;
  #expected = 0;

  private constructor(network: Place, witness: Witness, config: string) {
    this.#witness = witness;
    this.#stateDir = loadConfig(config, process.env).config.state_dir;
    const life = join(ROOT, 'test/faults/uplinksLife.ts');
    this.#agent = network.program('agent', process.execPath, '--import', 'tsx', life, config);
  }

  /** Resolves when the agent has delivered one fall. */
  static async start(network: Place, witness: Witness, config: string): Promise<FallingRobot> {
    const robot = new FallingRobot(network, witness, config);
    await robot.#agent.event('connected', undefined, CONNECTED_WITHIN_MS);
    await robot.fall();
    await robot.arrival();
    return robot;
  }

  /** Publishes a fall. @returns its time in nanoseconds of CLOCK_MONOTONIC. */
  readonly fall = async (): Promise<number> => {
    await this.#publish('stand');
    this.#expected = this.#witness.raised('fall').length + 1;
    return this.#publish('fall');
  };

  /** Resolves with the time at which the last fall arrived. */
  readonly arrival = (): Promise<number> => this.#witness.alert('fall', this.#expected, PATIENCE_MS);

  /** The problems of its link that the agent has logged. */
  get problems(): readonly ProblemCode[] {
    const raised = this.#agent.lines.flatMap(({ event, code }) => (event === 'problem_raised' ? [code as ProblemCode] : []));
    return raised.filter((code) => /^(broker|mqtt)_/.test(code));
  }

  /** Resolves when the agent is connected over the interface with this name. */
  readonly uses = async (name: string): Promise<void> => {
    await awaitStatus(this.#stateDir, ({ link }) => link.state === 'connected' && link.path?.interface === name, PATIENCE_MS);
  };

  /** Lets the agent stop by itself, which saves what it knows of the broker. */
  async stop(): Promise<void> {
    this.#agent.endOrders();
    await this.#agent.exited;
  }

  kill(): Promise<void> {
    return this.#agent.kill();
  }

  async #publish(order: 'fall' | 'stand'): Promise<number> {
    this.#published += 1;
    const number = this.#published;
    this.#agent.order(order);
    const { ns } = await this.#agent.event('published', (line) => line.number === number);
    return Number(ns);
  }
}
