// A running agent reloads its configuration by command line and by SIGHUP. Unchanged entries continue without an interruption.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, Program } from '../../scripts/lab/program.ts';
import { changesOf, runningWith } from '../../src/agent/config/reload.ts';
import { configSchema, loadConfig } from '../../src/config/index.ts';
import { benchCertificates } from '../../src/identity/index.ts';
import { askStatus } from '../../src/status/index.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { until } from '../support/until.ts';

const BOOL = 'std_msgs/msg/Bool';
const COMPRESSED = 'sensor_msgs/msg/CompressedImage';

describe('the changes of a new configuration', () => {
  it('are listed by channel, by immediate effect, and by need of a restart', () => {
    const { config } = loadConfig(undefined, {});
    const next = structuredClone(config);
    const { smoke } = configSchema.shape.channels.parse({ smoke: { topic: '/smoke', type: BOOL } });
    assert.ok(smoke && next.channels.gas);
    delete next.channels.fire;
    next.channels.smoke = smoke;
    next.channels.gas.hold = 5_000;
    next.mqtt.interval = 30_000;
    next.mqtt.window = 10;
    next.thing = 'other';
    delete next.commands.ping;
    assert.deepEqual(changesOf(config, next), {
      added: ['smoke'],
      removed: ['fire'],
      changed: ['gas'],
      applied: ['mqtt.interval'],
      needs_restart: ['thing', 'mqtt.window', 'commands.ping'],
    });
  });

  it('apply at once for cameras and schedules, and at the next start for the presence’s list of commands', () => {
    const { config } = loadConfig(undefined, {});
    const next = structuredClone(config);
    next.cameras = configSchema.shape.cameras.parse({ hall: { topic: '/hall/image' } });
    next.logs.ship = '5 * * * *';
    next.backups.schedule = null;
    next.logs.max_size = 9_000_000;
    const { applied, needs_restart } = changesOf(config, next);
    assert.deepEqual([...applied].sort(), ['backups.schedule', 'cameras.hall', 'logs.ship']);
    assert.deepEqual(needs_restart, ['logs.max_size', 'commands.snapshot']);
    const running = runningWith(config, next);
    assert.deepEqual(changesOf(running, next).needs_restart, ['logs.max_size'], 'said again by a later reload');
    assert.deepEqual(changesOf(running, next).applied, []);
  });
});

describe('the changes of the reflex', () => {
  it('apply at once, whether it is new, changed or removed', () => {
    const { config } = loadConfig(undefined, {});
    const reflex = configSchema.shape.reflex.parse({ topic: '/speak', type: 'std_msgs/msg/String', message: { data: 'help' } });
    assert.ok(reflex);
    const [armed, later] = [
      { ...config, reflex },
      { ...config, reflex: { ...reflex, after: 60_000 } },
    ];
    for (const [before, after, applied] of [
      [config, armed, 'reflex'],
      [armed, later, 'reflex.after'],
      [later, config, 'reflex'],
    ] as const) {
      assert.deepEqual([changesOf(before, after).applied, changesOf(before, after).needs_restart], [[applied], []]);
      assert.deepEqual(runningWith(before, after).reflex, after.reflex);
    }
  });
});

describe('elderly-bot reload', { skip: rosUnavailable(), timeout: 300_000 }, () => {
  let folder: string;
  let domain: RosDomain;
  let peer: RosPeer;
  let agent: Program;
  let file: string;
  let base: string;

  before(async () => {
    domain = await claimDomain();
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-reload-'));
    file = join(folder, 'robot.yaml');
    const { ca, robot } = await benchCertificates(join(folder, 'certs'), 'elderly-bot');
    base = `state_dir: ${join(folder, 'state')}\nuploads: { api: "http://localhost:1" }\nmqtt: { endpoint: "localhost:1", root_ca: ${ca}, cert_file: ${robot.cert}, private_key: ${robot.key} }\n`;
    peer = await RosPeer.start();
    writeFileSync(file, base);
    agent = new Program('agent', AGENT, ['run', '--config', file]);
    await agent.event('started');
  });
  after(async () => {
    await agent.stop();
    await peer.close();
    await domain.release();
    rmSync(folder, { recursive: true, force: true });
  });

  const reload = async (...more: string[]) => {
    const program = new Program('reload', AGENT, ['reload', '--config', file, ...more]);
    return { code: await program.exited, stderr: program.stderr, out: JSON.stringify(program.lines) };
  };
  const channel = async (name: string) => (await askStatus(join(folder, 'state'))).channels.find((each) => each.name === name);

  it('subscribes new channels, keeps unchanged ones, and unsubscribes removed ones', async () => {
    await peer.advertise('/gas_detected', BOOL);
    await peer.matched('/gas_detected');
    await peer.publish('/gas_detected', BOOL, { data: false });
    writeFileSync(file, `${base}channels:\n  fire: null\n  smoke: { topic: /smoke, type: ${BOOL} }\n`);
    const { code, out, stderr } = await reload();
    assert.equal(code, 0, stderr);
    assert.match(out, /channels added: smoke; channels removed: fire/);
    assert.equal((await channel('gas'))?.messages, 1);
    assert.equal(await channel('fire'), undefined);
    await peer.advertise('/smoke', BOOL);
    await peer.matched('/smoke');
  });

  it('clears the alert of a removed channel, and keeps that of an unchanged one, also over a restart', async () => {
    const alerts = async () => {
      const program = new Program('export', AGENT, ['outbox', 'export', '--class', 'alert', '--config', file]);
      assert.equal(await program.exited, 0, program.stderr);
      return program.lines.map(({ channel: name, value, alert, incident }) => ({ name, value, alert, incident }));
    };
    writeFileSync(file, `${base}channels:\n  fire: null\n  smoke: { topic: /smoke, type: ${BOOL}, class: alert }\n`);
    assert.equal((await reload()).code, 0);
    for (const topic of ['/gas_detected', '/smoke']) {
      await peer.matched(topic);
      await peer.publish(topic, BOOL, { data: true });
    }
    await until(async () => (await channel('gas'))?.alert === true && (await channel('smoke'))?.alert === true, 'both stand');
    writeFileSync(file, `${base}channels:\n  gas: { hold: 1s }\n  fire: null\n`);
    assert.equal((await reload()).code, 0);
    const [gas, smoke, cleared, ...more] = await alerts();
    assert.deepEqual([gas?.name, gas?.alert, smoke?.name, smoke?.alert, more.length], ['gas', 'raised', 'smoke', 'raised', 0]);
    assert.deepEqual(cleared, { name: 'smoke', value: null, alert: 'cleared', incident: smoke?.incident });
    assert.equal((await channel('gas'))?.alert, true);

    await agent.stop();
    writeFileSync(file, `${base}channels:\n  gas: null\n`);
    agent = new Program('agent', AGENT, ['run', '--config', file]);
    await agent.event('started');
    assert.deepEqual((await alerts()).slice(3), [{ name: 'gas', value: null, alert: 'cleared', incident: gas?.incident }]);
    writeFileSync(file, `${base}channels:\n  fire: null\n  smoke: { topic: /smoke, type: ${BOOL} }\n`);
    assert.equal((await reload()).code, 0);
  });

  it('starts new cameras, keeps the pictures of unchanged ones, restarts changed ones, and stops removed ones', async () => {
    const cameras = async () => (await askStatus(join(folder, 'state'))).cameras;
    const keeps = (name: string) =>
      until(async () => Number((await cameras()).find((each) => each.name === name)?.kept) > 0, `${name} keeps pictures`);
    const jpeg = await sharp({ create: { width: 64, height: 48, channels: 3, background: 'grey' } })
      .jpeg()
      .toBuffer();
    const smoking = `${base}channels:\n  fire: null\n  smoke: { topic: /smoke, type: ${BOOL} }\n`;
    let isFilming = true;
    const filming = (async () => {
      for (; isFilming; await new Promise((resolve) => setTimeout(resolve, 100)))
        for (const topic of ['/hall/image', '/kitchen/image'])
          await peer.publish(topic, COMPRESSED, { format: 'jpeg', data: { hex: jpeg.toString('hex') } });
    })();
    const hall = 'hall: { topic: /hall/image, rate: 5 }';
    writeFileSync(file, `${smoking}cameras: { ${hall} }\n`);
    const { out, stderr } = await reload('--json');
    assert.equal(stderr, '');
    assert.match(out, /cameras\.hall/);
    assert.match(out, /"needs_restart":\["commands\.snapshot"\]/);
    await keeps('hall');
    const before = (await cameras())[0]?.kept ?? 0;
    writeFileSync(file, `${smoking}cameras: { ${hall}, kitchen: { topic: /kitchen/image, rate: 5 } }\n`);
    await reload();
    await keeps('kitchen');
    assert.ok(((await cameras()).find(({ name }) => name === 'hall')?.kept ?? 0) >= before);
    writeFileSync(file, `${smoking}cameras: { ${hall}, kitchen: { topic: /nobody/image } }\n`);
    await reload();
    await until(async () => (await cameras()).some(({ topic, kept }) => topic === '/nobody/image' && kept === 0), 'the kitchen is another');
    writeFileSync(file, smoking);
    await reload();
    await until(async () => (await cameras()).length === 0, 'there is no camera');
    isFilming = false;
    await filming;
  });

  it('changes nothing and names the error if the file is invalid', async () => {
    writeFileSync(file, `${base}channels:\n  smoke: { topik: /smoke }\n`);
    const { code, stderr } = await reload();
    assert.equal(code, 2);
    assert.match(stderr, /robot\.yaml:5:12: unknown key channels\.smoke\.topik, did you mean topic\?/);
    assert.equal((await channel('smoke'))?.topic, '/smoke');
  });

  it('raises a problem that names the line, also after SIGHUP, until a file is accepted', async () => {
    const refused = async () => (await askStatus(join(folder, 'state'))).problems.filter(({ code }) => code === 'reload_refused');
    const [stands, ...others] = await refused();
    assert.equal(others.length, 0);
    assert.match(stands?.text ?? '', /robot\.yaml:5:12: unknown key channels\.smoke\.topik, did you mean topic\?$/);
    writeFileSync(file, `${base}log_level: loud\n`);
    agent.signal('SIGHUP');
    await agent.event('problem_raised', ({ code, msg }) => code === 'reload_refused' && /log_level/.test(String(msg)));
    assert.match((await refused())[0]?.text ?? '', /robot\.yaml:4:1: log_level/);
    // The agent also refuses a file that the command line refuses.
    writeFileSync(file, `${base}topic_prefix: 5\n`);
    assert.equal((await reload()).code, 2);
    assert.match((await refused())[0]?.text ?? '', /topic_prefix/);
    writeFileSync(file, `${base}: nothing\n`);
    assert.equal((await reload()).code, 2);
    writeFileSync(file, `${base}channels:\n  fire: null\n  smoke: { topic: /smoke, type: ${BOOL} }\n`);
    assert.equal((await reload()).code, 0);
    assert.deepEqual(await refused(), []);
  });

  it('lists the keys that need a restart; SIGHUP does the same', async () => {
    writeFileSync(file, `thing: other\n${base}`);
    agent.signal('SIGHUP');
    const reloaded = await agent.event('reloaded', ({ added }) => String(added) === 'fire');
    assert.deepEqual(reloaded.needs_restart, ['thing']);
    assert.deepEqual([reloaded.added, reloaded.removed], [['fire'], ['smoke']]);
  });
});
