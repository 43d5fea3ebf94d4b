// Plays 200 incidents behind a link of 32 kbit/s (a token bucket on a veth of a network namespace, with the deep queue of a cheap router).
// A whole agent publishes an alert each second beside their pictures. With adaptive pacing an alert waits for at most one small packet of
// an upload. Fixed pacing is measured beside it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { findVersitygw } from '../../../cloud/test/support/objectStore.ts';
import { Program, ROOT } from '../../../scripts/lab/program.ts';
import { benchCertificates } from '../../../src/identity/index.ts';
import { Mosquitto, mosquittoUnavailable } from '../../support/mosquitto.ts';
import { freePort } from '../../support/ports.ts';
import { UploadCloud } from '../../support/uploadCloud.ts';
import { type Campaign, type Context, needsRoot, type Outcome } from '../campaign.ts';

const THING = 'elderly-bot';
const PICTURES = 200;
const RATE_KBIT = 32;
/** Fixed pacing below the link's rate, as docs/guide/uploads.md advises. */
const LIMITED_KBIT = RATE_KBIT / 2;
/** The bytes that the router queues before it drops packets. */
const QUEUE = '65536';
const ALERTS = 60;
/** The time of the largest piece, of the larger packet that is tried sometimes, and of the alert, each with its headers, at that rate. */
const FLOOR_MS = ((512 + 66) * 8 + (240 + 100) * 8) / RATE_KBIT;
/** An allowance for an event at the same time, the kernel, and a busy machine. */
const MORE_MS = 50;

export const narrow: Campaign = {
  name: 'narrow',
  what: `${PICTURES} incidents behind ${RATE_KBIT} kbit/s: what an alert takes there beside their pictures, and on the idle link`,
  defaultRuns: 1,
  missing: () => needsRoot() || (findVersitygw() ? false : 'no versitygw: install Go and run bin/setup again') || mosquittoUnavailable(),
  run: runNarrow,
};

interface Measured {
  readonly tookMs: readonly number[];
  readonly bytes: number;
  readonly through: number;
}

async function runNarrow({ runs, random, say }: Context): Promise<Outcome> {
  const id = random.between(1, 250);
  const [space, here, there] = [`eb-narrow-${id}`, `10.231.${id}.1`, `10.231.${id}.2`];
  const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' });
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-narrow-'));
  const failures: string[] = [];
  const figures: Record<string, unknown> = { rate_kbit: RATE_KBIT, floor_ms: FLOOR_MS };
  ip('netns', 'add', space);
  let [cloud, broker, witness]: [UploadCloud?, Mosquitto?, MqttClient?] = [];
  try {
    ip('link', 'add', `ebn${id}a`, 'type', 'veth', 'peer', 'name', `ebn${id}b`, 'netns', space);
    ip('addr', 'add', `${here}/30`, 'dev', `ebn${id}a`);
    ip('link', 'set', `ebn${id}a`, 'up');
    ip('-n', space, 'addr', 'add', `${there}/30`, 'dev', `ebn${id}b`);
    ip('-n', space, 'link', 'set', `ebn${id}b`, 'up');
    ip('-n', space, 'link', 'set', 'lo', 'up');
    const bucket = ['root', 'tbf', 'rate', `${RATE_KBIT}kbit`, 'burst', '1600', 'limit', QUEUE];
    ip('netns', 'exec', space, 'tc', 'qdisc', 'add', 'dev', `ebn${id}b`, ...bucket);
    const files = await benchCertificates(join(folder, 'certs'), THING, [here]);
    const remote = { host: here, files: { cert: readFileSync(files.broker.cert), key: readFileSync(files.broker.key) } };
    cloud = await UploadCloud.start(undefined, remote);
    await cloud.know(THING, readFileSync(files.robot.cert, 'utf8'));
    const port = await freePort();
    const tls = [`cafile ${files.ca}`, `certfile ${files.broker.cert}`, `keyfile ${files.broker.key}`];
    const robots = [
      `listener ${port} ${here}`,
      ...tls,
      'require_certificate true',
      'use_identity_as_username true',
      'set_tcp_nodelay true',
    ];
    broker = await Mosquitto.start({ certificates: files, lines: robots });
    const hearer = await connectAsync(`mqtts://localhost:${broker.port}`, {
      ca: readFileSync(files.ca),
      cert: readFileSync(files.cloud.cert),
      key: readFileSync(files.cloud.key),
    });
    witness = hearer;
    const { origin, proxy } = cloud;
    const snapshots = () => proxy.stored.filter(({ path }) => path.includes('/snapshot/')).length;
    const measure = async (name: string, pictures: number, pacing: 'fixed' | 'adaptive' = 'fixed', maxKbps = 2_000): Promise<Measured> => {
      const config = join(folder, `${name}.yaml`);
      writeFileSync(
        config,
        `state_dir: ${join(folder, name)}\nuploads: { api: ${pictures === 0 ? null : `"${origin}"`}, pacing: ${pacing}, max_kbps: ${maxKbps} }\nchannels: { fall: { report: { on: message }, alerts_per_minute: 100000 } }\n`,
      );
      const env = {
        ...process.env,
        NODE_EXTRA_CA_CERTS: files.ca,
        AWS_IOT_ENDPOINT: `${here}:${port}`,
        AWS_ROOT_CA: files.ca,
        AWS_CERT_FILE: files.robot.cert,
        AWS_PRIVATE_KEY: files.robot.key,
      };
      const arrived: { readonly ns: number; readonly bytes: number }[] = [];
      const hear = (_topic: string, payload: Buffer) => {
        const ns = Number(process.hrtime.bigint());
        const { readings = [] } = JSON.parse(payload.toString()) as { readings?: [number, number, string][] };
        for (const [, , channel] of readings) if (channel === 'fall') arrived.push({ ns, bytes: payload.length });
      };
      hearer.on('message', hear);
      await hearer.subscribeAsync('elderly_bot/telemetry', { qos: 1 });
      const before = snapshots();
      const life = [join(ROOT, 'test/faults/narrowLife.ts'), config, String(pictures), String(ALERTS)];
      const robot = new Program(name, 'ip', ['netns', 'exec', space, process.execPath, '--import', 'tsx', ...life], env);
      const { publishedNs } = (await robot.event('narrow', undefined, 180_000)) as unknown as { publishedNs: readonly number[] };
      await robot.exited;
      hearer.off('message', hear);
      if (arrived.length !== ALERTS) throw new Error(`${name}: ${arrived.length} of ${ALERTS} alerts arrived: ${robot.stderr.slice(-500)}`);
      const tookMs = arrived.map(({ ns }, n) => Math.round((ns - (publishedNs[n] ?? 0)) / 1e6));
      return { tookMs, bytes: Math.max(...arrived.map(({ bytes }) => bytes)), through: snapshots() - before };
    };
    for (let run = 1; run <= runs; run++) {
      const idle = await measure(`idle-${run}`, 0);
      const busy = await measure(`busy-${run}`, PICTURES, 'adaptive');
      const fixed = await measure(`fixed-${run}`, PICTURES);
      const limited = await measure(`limited-${run}`, PICTURES, 'fixed', LIMITED_KBIT);
      const [idleMs, busyMs] = [quantile(idle.tookMs, 0.99), quantile(busy.tookMs, 0.99)];
      Object.assign(figures, {
        idle_p50_ms: quantile(idle.tookMs, 0.5),
        idle_p99_ms: idleMs,
        alert_bytes: busy.bytes,
        idle_ms: idle.tookMs,
        busy_ms: busy.tookMs,
      });
      Object.assign(figures, { busy_p50_ms: quantile(busy.tookMs, 0.5), busy_p99_ms: busyMs, pictures_through: busy.through });
      for (const [name, { tookMs, through }] of Object.entries({ fixed, limited })) {
        const [p50, p99] = [quantile(tookMs, 0.5), quantile(tookMs, 0.99)];
        Object.assign(figures, { [`${name}_p50_ms`]: p50, [`${name}_p99_ms`]: p99, [`${name}_through`]: through });
        say(`run ${run}, ${name}: p50 ${p50} ms, p99 ${p99} ms, ${through} pictures through`);
      }
      say(
        `run ${run}, adaptive: p99 ${idleMs} ms on the idle link, ${busyMs} ms beside ${PICTURES} incidents, ${busy.through} pictures through`,
      );
      if (busyMs > idleMs + FLOOR_MS + MORE_MS) failures.push(`run ${run}: p99 is ${busyMs} ms beside the pictures, ${idleMs} ms without`);
      if (busy.through === 0) failures.push(`run ${run}: no picture got through`);
    }
  } finally {
    await witness?.endAsync();
    await broker?.stop();
    await cloud?.stop();
    ip('netns', 'delete', space);
    rmSync(folder, { recursive: true, force: true });
  }
  return { runs, lost: 0, doubled: 0, failures, figures };
}

function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
}
