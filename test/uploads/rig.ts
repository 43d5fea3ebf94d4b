// Runs a robot's uploads against the real cloud code and an object store, through a proxy with planned faults.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fingerprintOf } from '../../cloud/src/auth/certificates.ts';
import { type Clock, systemClock } from '../../src/clock/index.ts';
import { benchCertificates, readCredentials } from '../../src/identity/index.ts';
import { UploadRows } from '../../src/outbox/index.ts';
import { Problems } from '../../src/status/index.ts';
import { type NewUpload, Uploads, type UploadsOptions } from '../../src/uploads/index.ts';
import { sha256Of } from '../support/hash.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';
import { until } from '../support/until.ts';
import { UploadCloud } from '../support/uploadCloud.ts';

export const THING = 'elderly-bot';
export const MAX_AGE_MS = 3_150_000;

interface UploadedEvent {
  readonly kind: string;
  readonly object_key: string;
  readonly sha256: string;
  readonly size: number;
  readonly incident?: string;
}

export interface UploadingRobot {
  readonly uploads: Uploads;
  /** One line for each problem that was raised or cleared. */
  readonly problems: string[];
  go(): void;
  stop(): Promise<void>;
}

export interface RobotOptions {
  readonly maxBytes?: number;
  readonly maxKbps?: number | null;
  readonly pacing?: UploadsOptions['pacing'];
  readonly isPaused?: UploadsOptions['isPaused'];
  readonly clock?: Clock;
}

export function picture(over: Partial<NewUpload> = {}): NewUpload {
  return {
    kind: 'snapshot',
    contentType: 'image/jpeg',
    bytes: randomBytes(50_000),
    takenAtMs: Date.now(),
    incident: 'incident-0001',
    ...over,
  };
}

export class UploadRig {
  readonly cloud: UploadCloud;
  readonly #credentials: { readonly cert: string; readonly key: string };
  #robots: UploadingRobot[] = [];
  bench: OutboxBench;

  private constructor(cloud: UploadCloud, credentials: { readonly cert: string; readonly key: string }) {
    this.cloud = cloud;
    this.#credentials = credentials;
    this.bench = outboxBench();
  }

  static async open(): Promise<UploadRig> {
    const cloud = await UploadCloud.start();
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-uploads-'));
    const files = await benchCertificates(folder, THING);
    const read = readCredentials({ rootCa: files.ca, certFile: files.robot.cert, privateKey: files.robot.key });
    await cloud.db.query('insert into device_certificates (fingerprint, thing, certificate) values ($1, $2, $3)', [
      fingerprintOf(read.certificate),
      THING,
      read.cert,
    ]);
    rmSync(folder, { recursive: true });
    return new UploadRig(cloud, read);
  }

  async close(): Promise<void> {
    this.bench.remove();
    await this.cloud.stop();
  }

  /** Replaces the robot by an empty one, and ends all faults of the cloud. */
  async renew(): Promise<void> {
    for (const robot of this.#robots.splice(0)) await robot.stop();
    this.cloud.outage = null;
    this.cloud.aheadMs = 0;
    this.bench.remove();
    this.bench = outboxBench();
  }

  /** Starts the uploads with the files on disk. They are sent after `go()`. */
  begin({
    maxBytes = 10_000_000,
    maxKbps = null,
    pacing = 'fixed',
    clock = systemClock(0),
    isPaused = () => false,
  }: RobotOptions = {}): UploadingRobot {
    const lines: string[] = [];
    const problems = new Problems(
      () => clock.mono(),
      (state, { code, text }) => lines.push(`${state} ${code}: ${text}`),
    );
    const uploads = new Uploads({
      thing: THING,
      credentials: this.#credentials,
      api: this.cloud.origin,
      maxKbps,
      pacing,
      isPaused,
      folder: this.folder,
      maxBytes,
      maxAgeMs: MAX_AGE_MS,
      ranMs: () => clock.mono(),
      backoff: { minMs: 10, maxMs: 40 },
      rows: new UploadRows(this.bench.db),
      outbox: this.bench.outbox,
      clock,
      problems,
    });
    uploads.start();
    const stopping = new AbortController();
    let run: Promise<void> | undefined;
    const robot: UploadingRobot = {
      uploads,
      problems: lines,
      go: () => {
        run ??= uploads.run(stopping.signal);
      },
      stop: async () => {
        stopping.abort();
        await run;
      },
    };
    this.#robots.push(robot);
    return robot;
  }

  get folder(): string {
    return join(this.bench.folder, 'uploads');
  }

  get spooled(): string[] {
    return readdirSync(this.folder);
  }

  /** The `uploaded` events in the outbox. */
  get reported(): UploadedEvent[] {
    const rows = this.bench.db.prepare(`select body from rows where body like '"kind":"uploaded"%' order by seq`).pluck();
    return (rows.all() as string[]).map((body) => JSON.parse(`{${body}}`) as UploadedEvent);
  }

  async until(condition: () => boolean): Promise<void> {
    await until(condition, condition.toString(), { explain: () => JSON.stringify(this.#robots.map(({ problems }) => problems)) });
  }

  async assertStored({ bytes }: NewUpload): Promise<void> {
    const sha256 = sha256Of(bytes);
    const found = this.reported.filter((event) => event.sha256 === sha256);
    assert.equal(found.length, 1, 'reported once');
    assert.equal(await this.cloud.whyNotStored(String(found[0]?.object_key), bytes.length, sha256), null);
  }
}
