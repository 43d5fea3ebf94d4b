// `npm run cloud` in an empty folder, as after a clone, and a robot that gets its receipt.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { presence, readings, telemetry } from '../../cloud/test/support/robot.ts';
import { RobotClient } from '../../cloud/test/support/robotClient.ts';
import { Program, ROOT } from '../../scripts/lab/program.ts';

const THING = 'elderly-bot';
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'elderly-bot-npm-cloud-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('npm run cloud makes what is missing and says it in one line, serves a robot, and the second time finds it all', {
  timeout: 300_000,
}, async () => {
  const first = start();
  const address = await addressOf(first);
  assert.match(
    first.stderr,
    /^cloud: made a SECRET_KEY \(\.env\), certificates [^\n]*\(bench-certs\/\), an embedded PostgreSQL \(\.\/cloud-data\/\)$/m,
  );
  assert.equal(statSync(join(folder, '.env')).mode & 0o777, 0o600);
  const secret = readFileSync(join(folder, '.env'), 'utf8');
  assert.match(secret, /^SECRET_KEY=\S{64}\n$/);
  assert.ok(!first.stderr.includes(secret.slice('SECRET_KEY='.length).trim()));
  await deliver(address.brokerPort);
  assert.deepEqual(await (await fetch(`${address.url}/telemetry`)).json(), { gas: true });
  first.signal('SIGINT');
  assert.equal(await first.exited, 0);

  const second = start();
  const again = await addressOf(second);
  assert.match(second.stderr, /^cloud: all there already$/m);
  assert.equal(readFileSync(join(folder, '.env'), 'utf8'), secret);
  assert.deepEqual(await (await fetch(`${again.url}/telemetry`)).json(), { gas: true });
  assert.equal(await second.stop(), 0);
  assert.ok(existsSync(join(folder, 'cloud-data', 'PG_VERSION')));
});

function start(): Program {
  const args = ['--import', import.meta.resolve('tsx'), `${ROOT}demo/cloud.ts`, '--port', '0', '--broker-port', '0'];
  return new Program('npm run cloud', process.execPath, args, { PATH: process.env.PATH }, folder);
}

async function addressOf(program: Program): Promise<{ readonly url: string; readonly brokerPort: number }> {
  for (;;) {
    const found = /^cloud: (http:\S+)\/docs has the routes; the broker is localhost:(\d+)/m.exec(program.stderr);
    if (found) return { url: String(found[1]), brokerPort: Number(found[2]) };
    if (program.ended) throw new Error(`it ended: ${program.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function deliver(port: number): Promise<void> {
  const read = (name: string): Buffer => readFileSync(join(folder, 'bench-certs', name));
  const robot = await RobotClient.connect('elderly_bot', {
    protocol: 'mqtts',
    host: 'localhost',
    port,
    protocolVersion: 4,
    ca: read('ca.crt.pem'),
    cert: read('robot.crt.pem'),
    key: read('robot.key.pem'),
  });
  await robot.publish('elderly_bot/telemetry', telemetry({ thing: THING, accepted: 1 }, readings([1, 1]), { state_seq: 1, gas: true }));
  await robot.publish('elderly_bot/presence', presence({ thing: THING }, [['box-1', 1]]));
  await robot.receipt(({ through }) => through === 1);
  await robot.end();
}
