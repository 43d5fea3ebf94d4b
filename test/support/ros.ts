// A peer for tests: an rclpy program in its own process that publishes, subscribes and reports matched endpoints, so that no test has to
// sleep.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Launch, unchanged } from './launch.ts';

const WHEELS_PYTHON = fileURLToPath(new URL('../../.ros2/bin/python', import.meta.url));
const PROGRAM = fileURLToPath(new URL('ros_peer.py', import.meta.url));
const PATIENCE_MS = 60_000;

export type Fields = Readonly<Record<string, unknown>>;

export interface PeerQos {
  readonly reliability?: 'reliable' | 'best_effort';
  readonly durability?: 'volatile' | 'transient_local';
  readonly depth?: number;
}

/** For a test's `skip`: the reason why ROS 2 is missing, or false. */
export function rosUnavailable(): string | false {
  if (!process.env.AMENT_PREFIX_PATH) return 'no ROS 2 environment (start the tests with bin/with-ros)';
  return false;
}

/** The environment for another user, who may reach neither this user's Python nor this user's home. */
function envOf(user: number, fromWheels: boolean): NodeJS.ProcessEnv {
  const folder = join(tmpdir(), `elderly-bot-peer-${user}`);
  mkdirSync(folder, { recursive: true });
  chownSync(folder, user, user);
  const wheels = dirname(dirname(WHEELS_PYTHON));
  const library = readdirSync(join(wheels, 'lib')).find((file) => file.startsWith('python3.')) ?? '';
  return { HOME: folder, ROS_LOG_DIR: folder, ...(fromWheels ? { PYTHONPATH: join(wheels, 'lib', library, 'site-packages') } : {}) };
}

interface Expected {
  readonly topic: string;
  readonly wanted: (message: Fields) => boolean;
  readonly resolve: (message: Fields) => void;
}

export class RosPeer {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #replies = new Map<number, { resolve: (reply: Fields) => void; reject: (error: Error) => void }>();
  readonly #arrived = new Map<string, Fields[]>();
  readonly #expected = new Set<Expected>();
  #stderr = '';
  #lastId = 0;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#process = child;
  }

  /**
   * Starts the program in the ROS environment of this process (see claimDomain); resolves when its node runs.
   * @param user the process's user id; by default that of this process.
   */
  static async start(
    name = 'peer',
    env: Readonly<Record<string, string>> = {},
    user?: number,
    launch: Launch = unchanged,
  ): Promise<RosPeer> {
    const fromWheels = existsSync(WHEELS_PYTHON) && (process.env.AMENT_PREFIX_PATH ?? '').includes('.ros2');
    const [command, ...words] = launch(fromWheels ? WHEELS_PYTHON : 'python3', PROGRAM, name);
    const child =
      user === undefined
        ? spawn(command, words, { env: { ...process.env, ...env } })
        : spawn('/usr/bin/python3', [PROGRAM, name], { env: { ...process.env, ...envOf(user, fromWheels), ...env }, uid: user, gid: user });
    const peer = new RosPeer(child);
    await peer.#listen();
    return peer;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get ended(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** Numbers without a JSON form are written as "NaN", "Infinity", "-Infinity" or decimal digits. */
  async publish(topic: string, type: string, fields: Fields, qos?: PeerQos): Promise<void> {
    await this.#ask('publish', { topic, type, fields, qos });
  }

  /** Publishes raw bytes, which may be invalid. */
  async publishBytes(topic: string, type: string, bytes: Buffer, qos?: PeerQos): Promise<void> {
    await this.#ask('publish_bytes', { topic, type, hex: bytes.toString('hex'), qos });
  }

  /** The test picture of pictures.py on a topic that was advertised as sensor_msgs/Image. */
  async picture(topic: string, picture: Fields): Promise<void> {
    await this.#ask('picture', { topic, picture });
  }

  async advertise(topic: string, type: string, qos?: PeerQos): Promise<void> {
    await this.#ask('advertise', { topic, type, qos });
  }

  /** Publishes `count` messages per topic at `rate` per second. Their field `data` counts from 0. @returns the duration in seconds. */
  async burst(topic: string | readonly string[], type: string, count: number, rate: number, qos?: PeerQos): Promise<number> {
    return Number((await this.#ask('burst', { topics: [topic].flat(), type, count, rate, qos })).seconds);
  }

  /** Publishes `count` messages at `rate` per second, false and true in turns, beginning with false. */
  async flap(topic: string, count: number, rate: number): Promise<void> {
    await this.#ask('burst', { topics: [topic], type: 'std_msgs/msg/Bool', count, rate, turn: 2 });
  }

  async subscribe(topic: string, type: string, qos?: PeerQos): Promise<void> {
    await this.#ask('subscribe', { topic, type, qos });
  }

  /** Resolves when `count` subscriptions are matched, or `count` publishers for a topic that the peer subscribes to. */
  async matched(topic: string, count = 1): Promise<void> {
    await this.#ask('matched', { topic, count, timeout: PATIENCE_MS / 1000 });
  }

  /** The next message that fits. Earlier messages are discarded. */
  next(topic: string, wanted: (message: Fields) => boolean = () => true, patienceMs = PATIENCE_MS): Promise<Fields> {
    const waiting = this.#arrived.get(topic) ?? [];
    const at = waiting.findIndex(wanted);
    const found = waiting[at];
    if (found !== undefined) {
      waiting.splice(0, at + 1);
      return Promise.resolve(found);
    }
    waiting.length = 0;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#expected.delete(expected);
        reject(new Error(`no such message on ${topic} within ${patienceMs} ms`));
      }, patienceMs);
      const expected: Expected = {
        topic,
        wanted,
        resolve: (message) => {
          clearTimeout(timer);
          resolve(message);
        },
      };
      this.#expected.add(expected);
    });
  }

  async close(): Promise<void> {
    if (this.ended) return;
    const gone = once(this.#process, 'exit');
    this.#process.stdin.end();
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), PATIENCE_MS);
    await gone;
    clearTimeout(timer);
  }

  #listen(): Promise<void> {
    return new Promise((ready, failed) => {
      this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
        this.#stderr = (this.#stderr + text).slice(-4000);
      });
      this.#process.once('error', failed);
      this.#process.once('exit', (code, signal) => {
        const error = new Error(`the ROS peer ended with ${signal ?? code}: ${this.#stderr}`);
        failed(error);
        for (const { reject } of this.#replies.values()) reject(error);
        this.#replies.clear();
      });
      createInterface(this.#process.stdout).on('line', (text) => {
        const line = JSON.parse(text) as Fields;
        if (line.ready === true) ready();
        else if (typeof line.id === 'number') this.#onReply(line.id, line);
        else this.#onMessage(String(line.topic), line.message as Fields);
      });
    });
  }

  #onReply(id: number, reply: Fields): void {
    const asked = this.#replies.get(id);
    this.#replies.delete(id);
    if (reply.error === undefined) asked?.resolve(reply);
    else asked?.reject(new Error(`the ROS peer: ${String(reply.error)}`));
  }

  #onMessage(topic: string, message: Fields): void {
    const expecting = [...this.#expected].filter((expected) => expected.topic === topic);
    const fits = expecting.find(({ wanted }) => wanted(message));
    if (fits !== undefined) {
      this.#expected.delete(fits);
      fits.resolve(message);
    } else if (expecting.length === 0) {
      const waiting = this.#arrived.get(topic) ?? [];
      waiting.push(message);
      this.#arrived.set(topic, waiting);
    }
  }

  #ask(command: string, details: Fields): Promise<Fields> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#replies.set(id, { resolve, reject });
      this.#process.stdin.write(`${JSON.stringify({ id, do: command, ...details })}\n`);
    });
  }
}
