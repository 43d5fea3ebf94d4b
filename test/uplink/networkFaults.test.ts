// Reaches the broker through a network with faults, as the agent does and as the doctor does: both find the same cause.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Faults } from '../support/network/labUplink.ts';
import { BROKER_V4, BROKER_V6, networkMissing, RobotNetwork } from '../support/network/robotNetwork.ts';

const REACH = fileURLToPath(new URL('../support/network/reach.ts', import.meta.url));

/** The deadlines of the agent and the doctor together, on a slow machine. */
const PATIENCE_MS = 120_000;

interface Reached {
  readonly agent: { readonly path?: string; readonly text?: string; readonly reason?: string };
  readonly doctor: { readonly tried: readonly string[]; readonly text?: string; readonly reason?: string };
}

describe('a network', { skip: networkMissing(), timeout: 600_000 }, () => {
  let network: RobotNetwork;
  let runs = 0;

  const reach = async (faults: Faults, ...known: readonly string[]): Promise<Reached> => {
    await network.uplinks[0]?.harm(faults);
    const program = network.program(`reach ${++runs}`, process.execPath, '--import', 'tsx', REACH, ...known);
    const reached = await program.event('reached', () => true, PATIENCE_MS);
    await program.exited;
    return reached as unknown as Reached;
  };

  before(async () => {
    network = await RobotNetwork.start(['wlan0']);
  });

  after(() => network?.stop());

  it('without faults leads the agent and the doctor to port 8883 of both addresses', async () => {
    const { agent, doctor } = await reach({});
    assert.match(String(agent.path), /:8883$/);
    assert.deepEqual(doctor.tried.toSorted(), [`${BROKER_V4}:8883`, `[${BROKER_V6}]:8883`].toSorted());
    assert.equal(doctor.text, undefined);
  });

  it('that drops large packets stalls the handshake, and both name the possibility', async () => {
    const { agent, doctor } = await reach({ longest: 600 });
    assert.deepEqual([agent.reason, doctor.reason], ['HANDSHAKE_STALLED', 'HANDSHAKE_STALLED']);
    assert.match(String(agent.text), /the TLS handshake has no answer within [\d.]+ s; .* the network drops large packets \(MTU\)/);
    assert.match(String(doctor.text), /the network drops large packets \(MTU\)$/);
  });

  it('that drops everything has silent name servers', async () => {
    const { agent, doctor } = await reach({ drop: [4, 6] });
    assert.equal(agent.reason, 'EAI_AGAIN');
    assert.match(String(agent.text), /^the name server [\d.]+ did not resolve broker\.lab/);
    assert.deepEqual(doctor.tried, []);
  });

  it('that drops everything is silence at both ports of each address of an earlier run', async () => {
    const { agent, doctor } = await reach({ drop: [4, 6] }, BROKER_V4);
    const both = [`${BROKER_V4}:8883`, `${BROKER_V4}:443`];
    assert.deepEqual([agent.reason, doctor.reason, doctor.tried], ['ETIMEDOUT', 'ETIMEDOUT', both]);
    assert.match(
      String(agent.text),
      /^the name server [\d.]+ did not resolve broker\.lab .*, so the agent tried the last known addresses; broker\.lab at 198\.51\.100\.10:8883: no answer within/,
    );
  });
});
