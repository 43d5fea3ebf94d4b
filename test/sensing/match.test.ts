import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { match, type Offer } from '../../src/sensing/index.ts';

const BOOL = 'std_msgs/msg/Bool';
const RELIABLE = { reliability: 'reliable', durability: 'volatile' } as const;
const BEST_EFFORT = { reliability: 'best_effort', durability: 'volatile' } as const;
const LATCHED = { reliability: 'reliable', durability: 'transient_local' } as const;
const offer = (qos: Offer['qos'], type = BOOL, node = '/gas'): Offer => ({ node, type, qos });
const AUTO = { type: undefined, qos: 'auto' } as const;

describe('the subscription of a channel', () => {
  it('waits only for its type while there is no publisher', () => {
    assert.equal(match(AUTO, []).wanted, undefined);
    assert.deepEqual(match({ type: BOOL, qos: 'auto' }, []).wanted, { type: BOOL, qos: { ...RELIABLE, depth: 1_000 } });
  });

  it('is what the publishers have', () => {
    for (const qos of [RELIABLE, BEST_EFFORT, LATCHED]) {
      assert.deepEqual(match(AUTO, [offer(qos)]).wanted, { type: BOOL, qos: { ...qos, depth: 1_000 } });
    }
  });

  it('is the least of what several have, so that all are heard', () => {
    assert.deepEqual(match(AUTO, [offer(LATCHED), offer(BEST_EFFORT)]).wanted?.qos, { ...BEST_EFFORT, depth: 1_000 });
    assert.deepEqual(match(AUTO, [offer(LATCHED), offer(RELIABLE)]).wanted?.qos, { ...RELIABLE, depth: 1_000 });
  });

  it('is what is configured, and who offers less is named with both profiles', () => {
    const { wanted, qos } = match({ type: BOOL, qos: { ...LATCHED, depth: 10 } }, [offer(LATCHED), offer(BEST_EFFORT, BOOL, '/old')]);
    assert.deepEqual(wanted?.qos, { ...LATCHED, depth: 10 });
    assert.equal(qos, '/old offers best_effort, volatile; this channel asks for reliable, transient_local');
  });

  it('names who publishes another type', () => {
    const { wanted, types } = match({ type: BOOL, qos: 'auto' }, [offer(RELIABLE), offer(BEST_EFFORT, 'std_msgs/msg/String', '/new')]);
    assert.deepEqual(wanted, { type: BOOL, qos: { ...RELIABLE, depth: 1_000 } });
    assert.equal(types, `/new publishes std_msgs/msg/String; expected ${BOOL}`);
  });

  it('is nothing while the publishers disagree about an open type', () => {
    const { wanted, types } = match(AUTO, [offer(RELIABLE), offer(RELIABLE, 'std_msgs/msg/String', '/new')]);
    assert.equal(wanted, undefined);
    assert.match(String(types), /\/gas publishes std_msgs\/msg\/Bool, \/new publishes std_msgs\/msg\/String; set the channel/);
  });
});
