// The place where one situation is played: it starts brokers and agents, collects the agents' problems, and ends all of them.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchFiles } from '../../src/identity/index.ts';
import type { ProblemCode } from '../../src/status/index.ts';
import { Mosquitto, type MosquittoOptions } from '../support/mosquitto.ts';
import { type Script, ScriptedBroker } from '../support/scriptedBroker.ts';
import { PATIENT, startUplink, type UplinkBench, type UplinkBenchOptions } from '../support/uplink.ts';
import { tcpServer } from '../support/wrongServers.ts';
import type { Situation } from './situation.ts';

export class Stage {
  /** The certificates of the agent and of its broker. */
  readonly files: BenchFiles;
  readonly #situation: Situation;
  readonly #agents: UplinkBench[] = [];
  readonly #raised = new Set<ProblemCode>();
  readonly #ends: (() => unknown)[] = [];

  constructor(files: BenchFiles, situation: Situation) {
    this.files = files;
    this.#situation = situation;
  }

  /** The problem that the situation's row announces. */
  get problem(): ProblemCode {
    assert.ok(this.#situation.problem, 'this row has no problem');
    return this.#situation.problem;
  }

  /** @param port 0 for any free port. */
  async broker(script: Script = {}, { port = 0, files = this.files } = {}): Promise<ScriptedBroker> {
    const broker = await ScriptedBroker.start(files, script, port);
    this.atEnd(() => broker.stop());
    return broker;
  }

  async mosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
    const broker = await Mosquitto.start({ certificates: this.files, ...options });
    this.atEnd(() => broker.stop());
    return broker;
  }

  /** Starts a server that hands out bare TCP connections. @returns its port. */
  async server(serve: (socket: Socket) => void): Promise<number> {
    const { port, stop } = await tcpServer(serve);
    this.atEnd(stop);
    return port;
  }

  /** Starts an agent: the real uplink with a real outbox. Its deadlines are long. It may be stopped before the end. */
  agent(port: number, over: UplinkBenchOptions = {}): UplinkBench {
    const started = startUplink(this.files, port, { ...PATIENT, ...over });
    let stopped: Promise<void> | undefined;
    const agent = { ...started, stop: () => (stopped ??= started.stop()) };
    this.#agents.push(agent);
    this.atEnd(() => agent.stop());
    return agent;
  }

  /** Creates a temporary folder. */
  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-situation-'));
    this.atEnd(() => rmSync(folder, { recursive: true }));
    return folder;
  }

  /** Records problems of an agent that the stage did not start, such as those in the status of an agent's process. */
  raised(...codes: readonly ProblemCode[]): void {
    for (const code of codes) this.#raised.add(code);
  }

  /** Registers what ends a part of the situation. Parts end in reverse order. */
  atEnd(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** Asserts that the agents raised the row's problem, and no other. */
  assertProblem(): void {
    const { problem, also = [] } = this.#situation;
    const raised = new Set([...this.#agents.flatMap((agent) => agent.raised), ...this.#raised]);
    const all = [...raised].join(', ') || 'no problem';
    if (problem) assert.ok(raised.has(problem), `the row announces ${problem}, but the agent raised ${all}`);
    for (const code of raised)
      assert.ok(code === problem || also.includes(code), `the row announces ${problem}, but the agent raised ${all}`);
  }

  /** @throws the errors of the parts that did not end, once all others have ended. */
  async end(): Promise<void> {
    const errors: unknown[] = [];
    for (const end of this.#ends.toReversed()) {
      try {
        await end();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'parts of the situation did not end');
  }
}
