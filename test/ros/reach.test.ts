// Tests who can join the ROS graph, by the environment, and what the doctor says about it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reachFinding } from '../../src/doctor/checks/reach.ts';
import { localSetting, type Reach, reachOf } from '../../src/ros/index.ts';

const from = (env: Readonly<Record<string, string>>) => reachOf(env).from;
const RANGE = 'ROS_AUTOMATIC_DISCOVERY_RANGE';

describe('the reach of the ROS graph', () => {
  it('is the network if nothing is set', () => {
    assert.deepEqual(reachOf({}), { from: 'network', why: `${RANGE} is not set, which means SUBNET` });
    assert.equal(from({ [RANGE]: 'SUBNET' }), 'network');
    assert.equal(from({ [RANGE]: 'SYSTEM_DEFAULT' }), 'network');
  });

  it('is the machine by the range, which Humble does not know', () => {
    for (const range of ['LOCALHOST', 'OFF']) assert.equal(from({ ROS_DISTRO: 'kilted', [RANGE]: range }), 'machine');
    assert.equal(from({ ROS_DISTRO: 'humble', [RANGE]: 'LOCALHOST' }), 'network');
  });

  it('is the machine by ROS_LOCALHOST_ONLY, which Kilted ignores', () => {
    for (const distro of ['humble', 'jazzy']) assert.equal(from({ ROS_DISTRO: distro, ROS_LOCALHOST_ONLY: '1' }), 'machine', distro);
    assert.equal(from({ ROS_DISTRO: 'humble', ROS_LOCALHOST_ONLY: '0' }), 'network');
    assert.match(reachOf({ ROS_DISTRO: 'kilted', ROS_LOCALHOST_ONLY: '1' }).why, /kilted ignores ROS_LOCALHOST_ONLY/);
  });

  it('is the network if a static peer or a discovery server is on another computer', () => {
    assert.equal(from({ [RANGE]: 'LOCALHOST', ROS_STATIC_PEERS: '127.0.0.1;10.42.0.2' }), 'network');
    assert.equal(from({ [RANGE]: 'LOCALHOST', ROS_STATIC_PEERS: '127.0.0.1;localhost' }), 'machine');
    assert.equal(from({ ROS_DISCOVERY_SERVER: '10.42.0.1:11811', FASTDDS_DEFAULT_PROFILES_FILE: '/x.xml' }), 'network');
    assert.match(reachOf({ ROS_DISCOVERY_SERVER: '127.0.0.1:11811' }).why, /not set/);
  });

  it('is the holders of keys with SROS 2 only if it is enforced', () => {
    const security = { ROS_SECURITY_ENABLE: 'true', ROS_SECURITY_KEYSTORE: '/keys', ROS_SECURITY_STRATEGY: 'Enforce' };
    assert.equal(from(security), 'key_holders');
    for (const over of [{ ROS_SECURITY_ENABLE: 'TRUE' }, { ROS_SECURITY_STRATEGY: 'Permissive' }, { ROS_SECURITY_KEYSTORE: '' }])
      assert.equal(from({ ...security, ...over }), 'network', JSON.stringify(over));
  });

  it('is unknown if a file of the vendor or another middleware decides', () => {
    assert.equal(from({ FASTRTPS_DEFAULT_PROFILES_FILE: '/x.xml' }), 'unknown');
    assert.equal(from({ RMW_IMPLEMENTATION: 'rmw_cyclonedds_cpp', CYCLONEDDS_URI: 'file:///x.xml' }), 'unknown');
    assert.equal(from({ RMW_IMPLEMENTATION: 'rmw_cyclonedds_cpp', FASTRTPS_DEFAULT_PROFILES_FILE: '/x.xml' }), 'network');
    assert.equal(from({ RMW_IMPLEMENTATION: 'rmw_zenoh_cpp' }), 'unknown');
  });
});

describe('the doctor', () => {
  const open: Reach = { from: 'network', why: 'X is not set' };

  it('warns if the network can join, with the variable of the distribution', () => {
    const finding = reachFinding(open, false, localSetting({ ROS_DISTRO: 'humble' }));
    assert.equal(finding.status, 'warning');
    assert.match(finding.observed, /every computer of the network can join the ROS graph: X is not set/);
    assert.match(finding.remedy ?? '', /ROS_LOCALHOST_ONLY=1.*SROS 2.*ros\.open_to_network/);
    assert.equal(finding.command, 'echo ROS_LOCALHOST_ONLY=1 | sudo tee -a /etc/default/elderly-bot');
    assert.match(reachFinding(open, false, localSetting({})).command ?? '', /ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST/);
  });

  it('does not warn of an intended, a closed or a guarded graph, and skips one that it cannot judge', () => {
    const status = (reach: Reach, isMeant = false) => reachFinding(reach, isMeant, '').status;
    assert.equal(status(open, true), 'ok');
    assert.deepEqual([status({ from: 'machine', why: '' }), status({ from: 'key_holders', why: '' })], ['ok', 'ok']);
    assert.equal(status({ from: 'unknown', why: '' }), 'skipped');
  });
});
