// Which publishers the service receives, by the user of the unit and of the publishers, in both discovery ranges: the table of docs/guide/service.md. SUBNET goes out
// by multicast, so the test runs in its own network namespace.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { claimDomain } from '../support/domain.ts';
import { findMosquitto } from '../support/mosquitto.ts';
import { ROOT } from '../support/program.ts';
import { rosUnavailable } from '../support/ros.ts';
import { systemdMissing } from '../support/systemd.ts';

const NETWORK = [
  'ip link set lo up',
  'ip link add elb0 type veth peer name elb1',
  'ip addr add 10.231.251.1/24 dev elb0',
  'ip link set elb0 up',
  'ip link set elb1 up',
  'ip route add 224.0.0.0/4 dev elb0',
].join(' && ');

function networkMissing(): string | false {
  const { status, stderr } = spawnSync('unshare', ['--net', 'sh', '-c', NETWORK], { encoding: 'utf8' });
  return status === 0 ? false : `no network of its own (ip, veth): ${stderr.trim()}`;
}

const skip =
  systemdMissing() || rosUnavailable() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto') || networkMissing();

it('the service hears its own user and others everywhere, and root by UDP on SUBNET only', { skip, timeout: 600_000 }, async () => {
  // Namespaces share /dev/shm, so the test claims a domain of its own.
  const domain = await claimDomain();
  const program = [process.execPath, '--import', 'tsx', 'test/service/reception.ts'];
  const { stdout, stderr } = spawnSync('unshare', ['--net', 'sh', '-c', `${NETWORK} && exec "$@"`, 'sh', ...program], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 590_000,
  });
  await domain.release();
  assert.match(stdout, /^\{.*\}\n$/, stderr);
  const table = JSON.parse(stdout) as Record<string, number>;
  const unheard = Object.keys(table).filter((which) => table[which] === 0);
  assert.equal(Object.keys(table).length, 12);
  assert.deepEqual(unheard, ['root LOCALHOST', 'root LOCALHOST UDPv4', 'root SUBNET']);
});
