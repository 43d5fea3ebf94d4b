// Two hundred incidents at once behind a link of 32 kbit/s (a token bucket on a veth of a network namespace, with the deep queue of a
// cheap router): a message of an alert's size, sent each second beside their pictures, takes hardly longer than on the idle link.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findVersitygw } from '../../../cloud/test/support/objectStore.ts';
import { benchCertificates } from '../../../src/identity/index.ts';
import { Program } from '../../support/program.ts';
import { UploadCloud } from '../../support/uploadCloud.ts';
import { type Campaign, type Context, needsRoot, type Outcome } from '../campaign.ts';
import { bundleLife } from '../uploadKills.ts';

const THING = 'elderly-bot';
const PICTURES = 200;
const RATE = '32kbit';
/** What stands in the router's queue before it drops. */
const QUEUE = '65536';
const MEASURED_MS = 60_000;
/** A packet of a picture, and what TCP and HTTP have around it, at that rate. */
const MOST_MORE_MS = 1_000;

export const narrow: Campaign = {
  name: 'narrow',
  what: `${PICTURES} incidents behind ${RATE}: what an alert takes there beside their pictures, and on the idle link`,
  defaultRuns: 1,
  missing: () => needsRoot() || (findVersitygw() ? false : 'no versitygw: install Go and run bin/setup again'),
  run: runNarrow,
};

interface Measured {
  readonly tookMs: readonly number[];
  readonly sent: number;
  readonly through: number;
}

async function runNarrow({ runs, random, say }: Context): Promise<Outcome> {
  const id = random.between(1, 250);
  const [space, here, there] = [`eb-narrow-${id}`, `10.231.${id}.1`, `10.231.${id}.2`];
  const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' });
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-narrow-'));
  const failures: string[] = [];
  const figures: Record<string, unknown> = { rate: RATE };
  ip('netns', 'add', space);
  const life = await bundleLife('test/faults/narrowLife.ts');
  const echo = createServer((socket) => socket.pipe(socket).on('error', () => {}));
  let cloud: UploadCloud | undefined;
  try {
    ip('link', 'add', `ebn${id}a`, 'type', 'veth', 'peer', 'name', `ebn${id}b`, 'netns', space);
    ip('addr', 'add', `${here}/30`, 'dev', `ebn${id}a`);
    ip('link', 'set', `ebn${id}a`, 'up');
    ip('-n', space, 'addr', 'add', `${there}/30`, 'dev', `ebn${id}b`);
    ip('-n', space, 'link', 'set', `ebn${id}b`, 'up');
    ip('-n', space, 'link', 'set', 'lo', 'up');
    const bucket = ['root', 'tbf', 'rate', RATE, 'burst', '1600', 'limit', QUEUE];
    ip('netns', 'exec', space, 'tc', 'qdisc', 'add', 'dev', `ebn${id}b`, ...bucket);
    cloud = await UploadCloud.start(here);
    const files = await benchCertificates(join(folder, 'certs'), THING);
    await cloud.know(THING, readFileSync(files.robot.cert, 'utf8'));
    await new Promise<void>((resolve) => echo.listen(0, here, resolve));
    const { port } = echo.address() as AddressInfo;
    const { origin } = cloud;
    const measure = async (name: string, pictures: number): Promise<Measured> => {
      const state = join(folder, name);
      mkdirSync(state);
      const { cert, key } = files.robot;
      const args = [life.file, state, origin, cert, key, here, String(port), String(pictures), String(MEASURED_MS)];
      const robot = new Program(name, 'ip', ['netns', 'exec', space, process.execPath, ...args]);
      const code = await robot.exited;
      const last = robot.lines.at(-1);
      if (code !== 0 || !last) throw new Error(`${name} ended with ${code}: ${robot.stderr.slice(-500)}`);
      return last as unknown as Measured;
    };
    for (let run = 1; run <= runs; run++) {
      const idle = await measure(`idle-${run}`, 0);
      const busy = await measure(`busy-${run}`, PICTURES);
      const [idleMs, busyMs] = [quantile(idle.tookMs, 0.99), quantile(busy.tookMs, 0.99)];
      Object.assign(figures, { idle_p50_ms: quantile(idle.tookMs, 0.5), idle_p99_ms: idleMs });
      Object.assign(figures, { busy_p50_ms: quantile(busy.tookMs, 0.5), busy_p99_ms: busyMs, pictures_through: busy.through });
      say(`run ${run}: p99 ${idleMs} ms on the idle link, ${busyMs} ms beside ${PICTURES} incidents, ${busy.through} pictures through`);
      if (busyMs > idleMs + MOST_MORE_MS) failures.push(`run ${run}: p99 is ${busyMs} ms beside the pictures, ${idleMs} ms without`);
      if (busy.through === 0) failures.push(`run ${run}: no picture got through`);
    }
  } finally {
    await cloud?.stop();
    await new Promise((resolve) => echo.close(resolve));
    life.remove();
    ip('netns', 'delete', space);
    rmSync(folder, { recursive: true, force: true });
  }
  return { runs, lost: 0, doubled: 0, failures, figures };
}

function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
}
