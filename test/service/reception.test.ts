// Tests that the service receives all messages of nodes of other users, in both discovery ranges. SUBNET uses multicast, so the test runs
// in its own network namespace.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { claimDomain } from '../../scripts/lab/domain.ts';
import { ROOT } from '../../scripts/lab/program.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
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
  return status === 0 ? false : `no network namespace (ip, veth): ${stderr.trim()}`;
}

const skip = systemdMissing() || rosUnavailable() || mosquittoUnavailable() || networkMissing();

it('the service receives every message of other users and of root, in both discovery ranges', { skip, timeout: 600_000 }, async () => {
  // Network namespaces share /dev/shm, so the test claims its own ROS domain.
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
  assert.deepEqual(table, { 'other LOCALHOST': 40, 'root LOCALHOST': 40, 'other SUBNET': 40, 'root SUBNET': 40 });
});
