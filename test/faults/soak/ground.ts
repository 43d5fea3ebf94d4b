// The environment of a soak: the whole path of a campaign, cables to the broker and to the store, a fixed address for the cloud's API, a
// small disk, a clock that can be set, and a second ROS program with a sensor and a camera that can be killed.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf } from '../../../cloud/src/auth/certificates.ts';
import { BUCKET, findVersitygw, REGION, startVersitygw, type TestStore } from '../../../cloud/test/support/objectStore.ts';
import { Cable } from '../../../scripts/lab/cable.ts';
import type { LogLine, Program } from '../../../scripts/lab/program.ts';
import { THING } from '../../support/bench.ts';
import { freePort } from '../../support/ports.ts';
import { needsRoot } from '../campaign.ts';
import { FakeClock, fakeClockMissing } from '../fakeClock.ts';
import { Volume } from '../volume.ts';
import { World, worldMissing } from '../world.ts';
import { Hall, HUMIDITY } from './hall.ts';

const PER_SECOND = 48;
const MIB = 1024 ** 2;
const DISK_BYTES = 64 * MIB;

/** The configured limits of the outbox with its spool, and of the logs. */
export const MOST_BYTES = (24 + 2) * MIB;

/** The bench's configuration ends with `channels:`, so the first line adds a channel. */
const configuration = (
  api: string,
): string => `  humidity: { topic: ${HUMIDITY}, class: telemetry, report: { on: message }, max_silence: 3s }
outbox: { max_size: 24MiB }
ros: { repair_shared_memory: true }
logs: { max_size: 2MiB }
uploads: { api: "${api}", max_size: 8MiB, retry_min: 100ms, retry_max: 1s }
cameras: { hall: { topic: /hall/image, rate: 1, ring: 3s, after: 1s, width: 160 } }
`;

export function groundMissing(): string | false {
  const noStore = findVersitygw() ? false : 'no versitygw: install Go and run bin/setup again';
  return needsRoot() || fakeClockMissing() || worldMissing() || noStore;
}

export class Ground {
  readonly world: World;
  readonly store: TestStore;
  readonly clock: FakeClock;
  readonly hall: Hall;
  readonly toBroker: Cable;
  readonly toStore: Cable;
  cloud: Program;
  readonly #settings: NodeJS.ProcessEnv;
  readonly #volume: Volume;

  private constructor(parts: {
    world: World;
    store: TestStore;
    hall: Hall;
    toBroker: Cable;
    toStore: Cable;
    settings: NodeJS.ProcessEnv;
    volume: Volume;
  }) {
    this.world = parts.world;
    this.store = parts.store;
    this.hall = parts.hall;
    this.toBroker = parts.toBroker;
    this.toStore = parts.toStore;
    this.cloud = parts.world.cloud;
    this.clock = new FakeClock(join(parts.world.bench.folder, 'clock'));
    this.#settings = parts.settings;
    this.#volume = parts.volume;
  }

  static async start(): Promise<Ground> {
    const store = await startVersitygw();
    const toStore = new Cable(Number(new URL(store.endpoint).port));
    await toStore.plug();
    const port = await freePort();
    const api = `http://127.0.0.1:${port}`;
    const settings = {
      PORT: String(port),
      PUBLIC_ORIGIN: api,
      S3_BUCKET: BUCKET,
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${toStore.port}`,
      AWS_ACCESS_KEY_ID: store.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: store.credentials.secretAccessKey,
      AWS_REGION: REGION,
    };
    const world = await World.start(configuration(api), PER_SECOND, { durable: true }, settings);
    const certificate = readFileSync(world.bench.files.robot.cert, 'utf8');
    await world.database.query('insert into device_certificates (fingerprint, thing, certificate) values ($1, $2, $3)', [
      fingerprintOf(new X509Certificate(certificate)),
      THING,
      certificate,
    ]);
    const toBroker = new Cable(world.bench.broker.port);
    await toBroker.plug();
    const volume = await Volume.ext4(world.bench.stateDir, DISK_BYTES);
    const hall = new Hall(world.load.published);
    await hall.start();
    return new Ground({ world, store, hall, toBroker, toStore, settings, volume });
  }

  /** Starts the agent behind its cable and with its own clock. Resolves when it senses. */
  agent(heard: (line: LogLine) => void): Promise<Program> {
    return this.world.agent({ ...this.clock.env(), AWS_IOT_ENDPOINT: `localhost:${this.toBroker.port}` }, heard);
  }

  async startCloud(): Promise<void> {
    this.cloud = await this.world.bench.cloud({ url: this.world.postgres.url }, this.#settings);
  }

  async stop(): Promise<void> {
    await this.hall.stop();
    await this.world.bench.endPrograms();
    await this.toBroker.pull();
    await this.#volume.unmount();
    await this.world.stop();
    await this.toStore.pull();
    await this.store.stop();
  }
}
