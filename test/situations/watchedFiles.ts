// A connected robot whose certificate files are watched. It looks at them more often than a real robot does.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { pino } from 'pino';
import { startingCredentials } from '../../src/agent/identity/starting.ts';
import { watchIdentity } from '../../src/agent/identity/watch.ts';
import { loadConfig } from '../../src/config/index.ts';
import { type BenchFiles, benchCertificates, type IssuedFiles, readCredentials } from '../../src/identity/index.ts';
import type { Mosquitto } from '../support/mosquitto.ts';
import { until } from '../support/until.ts';
import type { UplinkBench } from '../support/uplink.ts';
import { deliversAll, raiseAlert } from './acts.ts';
import type { Stage } from './stage.ts';

export const THING = 'elderly-bot';
const PACE = { checkMs: 20, settleMs: 150 };

export class WatchedFiles {
  readonly folder: string;
  readonly files: BenchFiles;
  readonly broker: Mosquitto;
  readonly agent: UplinkBench;
  readonly #lines: Record<string, unknown>[] = [];
  #checks = 0;

  private constructor(stage: Stage, folder: string, files: BenchFiles, broker: Mosquitto, own: IssuedFiles, isUsable: boolean) {
    this.folder = folder;
    this.files = files;
    this.broker = broker;
    const paths = { rootCa: files.ca, certFile: own.cert, privateKey: own.key };
    const credentials = isUsable ? readCredentials(paths) : startingCredentials(() => paths, true, pino({ level: 'silent' }));
    this.agent = stage.agent(broker.port, { credentials });
    const { uplink, problems, outbox, clock } = this.agent;
    const env = { AWS_ROOT_CA: files.ca, AWS_CERT_FILE: own.cert, AWS_PRIVATE_KEY: own.key };
    const config = { ...loadConfig(undefined, env).config, state_dir: join(folder, 'state') };
    const log = pino({ level: 'info' }, { write: (line: string) => void this.#lines.push(JSON.parse(line)) });
    // Each check asks at least once whether the clock is trusted, as it looks at the expiry.
    const counted = {
      ...clock,
      trusted: () => {
        this.#checks++;
        return clock.trusted();
      },
    };
    const identity = watchIdentity({ config, credentials, uplink, problems, log, outbox, clock: counted }, PACE);
    stage.atEnd(() => identity.stop());
  }

  /** @param own the robot's certificate and key; those of the bench if not given. */
  static async start(stage: Stage, own?: (folder: string, files: BenchFiles) => Promise<IssuedFiles>): Promise<WatchedFiles> {
    const folder = stage.folder();
    const files = await benchCertificates(folder, THING);
    const broker = await stage.mosquitto({ certificates: files });
    const watched = new WatchedFiles(stage, folder, files, broker, (await own?.(folder, files)) ?? files.robot, true);
    await until(() => watched.agent.uplink.status().state === 'connected', 'it is connected');
    return watched;
  }

  /** @param spoil makes the robot's files unusable before the agent starts. */
  static async startUnusable(stage: Stage, spoil: (own: IssuedFiles) => void): Promise<WatchedFiles> {
    const folder = stage.folder();
    const files = await benchCertificates(folder, THING);
    spoil(files.robot);
    return new WatchedFiles(stage, folder, files, await stage.mosquitto({ certificates: files }), files.robot, false);
  }

  /** Another pair of the same CA, in files of other names. */
  issue(file = 'next'): Promise<IssuedFiles> {
    return this.files.authority.issue(this.folder, file, { name: THING });
  }

  get connects(): number {
    return this.agent.uplink.status().connects;
  }

  /** The log lines that say which files the agent took. */
  get taken(): string[] {
    return this.#lines.filter(({ event }) => event === 'certificate_changed').map((line) => JSON.stringify(line));
  }

  /** Waits until the agent has taken replaced files and reached the broker with them. */
  async isTaken(says: RegExp): Promise<void> {
    await until(() => this.taken.length > 0, 'the files are taken');
    assert.match(this.taken.at(-1) ?? '', says);
    assert.doesNotMatch(JSON.stringify(this.#lines), /PRIVATE KEY/);
    raiseAlert(this.agent);
    await deliversAll(this.agent);
  }

  /** Waits until the agent has looked at the files for longer than they have to settle, and asserts that it has not reconnected. */
  async staysConnected(connects = 1): Promise<void> {
    const before = this.#checks;
    await until(() => this.#checks > before + 80, 'the files are checked several times');
    assert.equal(this.connects, connects);
    assert.equal(this.agent.uplink.status().state, 'connected');
  }
}
