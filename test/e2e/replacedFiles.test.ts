// The files of a running agent's identity are replaced, as a renewal of the certificates does it. The agent needs no restart.
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, type Program } from '../../scripts/lab/program.ts';
import { benchCertificates, DevCa } from '../../src/identity/index.ts';
import { askReload } from '../../src/status/index.ts';
import { Bench, THING } from '../support/bench.ts';
import { findMosquitto } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';

const skip = rosUnavailable() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto');

describe('the certificate files of a running agent', { skip, timeout: 180_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let peer: RosPeer;
  let agent: Program;

  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
    peer = await RosPeer.start('house');
    agent = bench.agent();
    await agent.event('connected');
    await agent.event('started');
  });

  after(async () => {
    await peer?.close();
    await bench?.stop();
    await domain?.release();
  });

  const certs = async (...args: string[]) => {
    const config = join(bench.folder, 'show.yaml');
    const { ca, robot } = bench.files;
    const mqtt = `mqtt: { root_ca: ${ca}, cert_file: ${robot.cert}, private_key: ${robot.key} }`;
    writeFileSync(config, `state_dir: state\n${mqtt}\n`);
    const program = bench.run('certs', AGENT, ['certs', ...args, '--config', config]);
    const code = await program.exited;
    return { code, text: program.lines.map(({ text }) => text).join('\n') + program.stderr };
  };

  it('are all taken after the broker has got a new CA, and an alert that waited arrives', async () => {
    await bench.broker.kill();
    await agent.event('problem_raised', ({ code }) => code === 'broker_refused_connection');
    await peer.advertise('/fall_detected', 'std_msgs/msg/Bool');
    await peer.matched('/fall_detected');
    await peer.publish('/fall_detected', 'std_msgs/msg/Bool', { data: true });
    await bench.status(({ outbox }) => outbox.held.alert > 0);
    await benchCertificates(join(bench.folder, 'certs'), THING);
    await bench.broker.restart();
    await agent.event('problem_raised', ({ code }) => code === 'broker_untrusted');
    const taken = await agent.event('certificate_changed');
    assert.match(String(taken.msg), /certificate .*, key .*, root CA .* CN=elderly-bot, issued by CN=.*, serial .*, valid until/);
    await bench.status(({ link, problems }) => link.state === 'connected' && problems.length === 0);
    await bench.status(({ alert_latency: latency }) => latency.puback.count === 1);
  });

  it('keep the connection if they are bad; agent, reload, verify and show name the same fault', async () => {
    const { cert, key } = bench.files.robot;
    const { link: before } = await bench.status(({ link }) => link.state === 'connected');
    const whole = readFileSync(cert, 'utf8');
    writeFileSync(cert, whole.split('\n').with(1, 'AAAA').join('\n'));
    const raised = await agent.event('problem_raised', ({ code }) => code === 'certificate_unusable');
    assert.match(String(raised.msg), /mqtt\.cert_file \S+robot\.crt\.pem is not a valid PEM certificate/);
    await assert.rejects(askReload(bench.stateDir), (error: Error & { code: string; remedy: string }) => {
      assert.match(error.message, /robot\.crt\.pem is not a valid PEM certificate/);
      assert.deepEqual([error.code, error.remedy], ['CERTIFICATE_INVALID', 'the file is damaged: get it again; nothing was changed']);
      return true;
    });
    assert.match((await certs('show')).text, /no readable certificate\n {2}fault .*robot\.crt\.pem is not a valid PEM certificate/);
    assert.match((await certs('verify')).text, /cert_unreadable/);
    chmodSync(key, 0o644);
    writeFileSync(cert, whole);
    await bench.status(({ problems }) => problems.some(({ text }) => /robot\.key\.pem has mode 0644: others can read it/.test(text)));
    assert.match((await certs('show')).text, /fault .*robot\.key\.pem has mode 0644/);
    chmodSync(key, 0o600);
    await agent.event('problem_cleared', ({ code }) => code === 'certificate_unusable');
    appendFileSync(cert, '# the same certificate\n');
    agent.signal('SIGHUP');
    await agent.event('reloaded');
    const { link } = await bench.status(({ problems }) => problems.length === 0);
    assert.equal(link.connects, before.connects);
  });

  it('may be bad when the agent starts again: it senses, and sends the alert once they are good', async () => {
    const { cert } = bench.files.robot;
    const whole = readFileSync(cert, 'utf8');
    writeFileSync(cert, 'garbage');
    agent.signal('SIGTERM');
    assert.equal(await agent.exited, 0);
    agent = bench.agent();
    await agent.event('started');
    await bench.status(({ problems }) => problems.some(({ code }) => code === 'certificate_missing'));
    await bench.status(({ problems }) => problems.some(({ text }) => /robot\.crt\.pem is not a PEM certificate/.test(text)));
    await peer.matched('/fall_detected');
    await peer.publish('/fall_detected', 'std_msgs/msg/Bool', { data: false });
    await peer.publish('/fall_detected', 'std_msgs/msg/Bool', { data: true });
    await bench.status(({ outbox }) => outbox.held.alert > 0);
    writeFileSync(cert, whole);
    await bench.status(({ link, problems }) => link.state === 'connected' && problems.length === 0);
    await bench.status(({ alert_latency: latency }) => latency.puback.count > 0);
    await agent.event('certificate_changed');
  });

  it('are taken at once by a reload', async () => {
    const other = await DevCa.create('one more CA of a bundle');
    appendFileSync(bench.files.ca, other.certificatePem);
    assert.deepEqual((await askReload(bench.stateDir)).applied, ['certificate']);
    await agent.event('certificate_changed', ({ msg }) => /uses root CA \S+ from now on/.test(String(msg)));
  });
});
