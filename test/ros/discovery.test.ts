// Tests the settings of discovery: the discovery server, and the domains whose ports are in use.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { claimDomain } from '../../scripts/lab/domain.ts';
import { addresses, becomeSuperClient, discoveryServer } from '../../src/ros/discovery.ts';
import { domainsInUse, domainsOf } from '../../src/ros/domains.ts';
import { startRosNode } from '../../src/ros/index.ts';
import { rosUnavailable } from '../support/ros.ts';

describe('the discovery server', () => {
  test('is the value of ROS_DISCOVERY_SERVER if it has an address and Fast DDS is used', () => {
    const ROS_DISCOVERY_SERVER = ';10.42.0.1:11811';
    assert.equal(discoveryServer({ ROS_DISCOVERY_SERVER }), ROS_DISCOVERY_SERVER);
    assert.equal(discoveryServer({ ROS_DISCOVERY_SERVER, RMW_IMPLEMENTATION: '' }), ROS_DISCOVERY_SERVER);
    assert.equal(discoveryServer({ ROS_DISCOVERY_SERVER, RMW_IMPLEMENTATION: 'rmw_fastrtps_dynamic_cpp' }), ROS_DISCOVERY_SERVER);
    assert.equal(discoveryServer({ ROS_DISCOVERY_SERVER, RMW_IMPLEMENTATION: 'rmw_cyclonedds_cpp' }), undefined);
    for (const empty of ['', ';', ' ; ']) assert.equal(discoveryServer({ ROS_DISCOVERY_SERVER: empty }), undefined);
    assert.equal(discoveryServer({}), undefined);
  });

  test('has an address for each server, and none for an unused id', () => {
    assert.deepEqual(addresses(';a:1;;TCPv4:[b]:2'), ['a:1', 'TCPv4:[b]:2']);
  });

  test('makes all nodes super clients, and changes nothing without a server', () => {
    const env: NodeJS.ProcessEnv = { ROS_DISCOVERY_SERVER: 'a:1', ROS_SUPER_CLIENT: 'False' };
    becomeSuperClient(env);
    assert.equal(env.ROS_SUPER_CLIENT, 'TRUE');
    const other: NodeJS.ProcessEnv = { ROS_SUPER_CLIENT: 'False' };
    becomeSuperClient(other);
    assert.equal(other.ROS_SUPER_CLIENT, 'False');
  });
});

describe('the domains in use', () => {
  test('have a program for each pair of unicast ports', () => {
    assert.deepEqual(
      [...domainsOf([7410, 7411, 7412, 7413, 17_910, 17_911])],
      [
        [0, 2],
        [42, 1],
      ],
    );
  });

  test('have a program if only the multicast port is bound', () => {
    assert.deepEqual(
      [...domainsOf([7400, 7650])],
      [
        [0, 1],
        [1, 1],
      ],
    );
  });

  test('are not those of single ports and of ports above the highest domain', () => {
    assert.deepEqual([...domainsOf([7410, 7413, 53, 5353, 7401, 7400 + 250 * 233])], []);
  });

  test('include the domain of a node in this process', { skip: rosUnavailable() }, async () => {
    const domain = await claimDomain();
    const node = await startRosNode({ name: 'one' });
    assert.equal(domainsInUse().get(domain.id), 1);
    const other = await startRosNode({ name: 'other' });
    assert.equal(domainsInUse().get(domain.id), 2);
    await node.stop();
    await other.stop();
    assert.equal(domainsInUse().get(domain.id), undefined);
    await domain.release();
  });
});
