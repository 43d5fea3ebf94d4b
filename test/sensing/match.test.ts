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
  it('is reliable before the first publisher, if its type is known', () => {
    assert.equal(match(AUTO, []).wanted, undefined);
    assert.deepEqual(match({ type: BOOL, qos: 'auto' }, []).wanted, { type: BOOL, qos: { ...RELIABLE, depth: 1_000 } });
  });

  it('has the quality of service of the publishers', () => {
    for (const qos of [RELIABLE, BEST_EFFORT, LATCHED]) {
      assert.deepEqual(match(AUTO, [offer(qos)]).wanted, { type: BOOL, qos: { ...qos, depth: 1_000 } });
    }
  });

  it('has the weakest policies of several publishers, so that all match', () => {
    assert.deepEqual(match(AUTO, [offer(LATCHED), offer(BEST_EFFORT)]).wanted?.qos, { ...BEST_EFFORT, depth: 1_000 });
    assert.deepEqual(match(AUTO, [offer(LATCHED), offer(RELIABLE)]).wanted?.qos, { ...RELIABLE, depth: 1_000 });
  });

  it('has the configured policies, and the message names a publisher that offers less', () => {
    const { wanted, qos } = match({ type: BOOL, qos: { ...LATCHED, depth: 10 } }, [offer(LATCHED), offer(BEST_EFFORT, BOOL, '/old')]);
    assert.deepEqual(wanted?.qos, { ...LATCHED, depth: 10 });
    assert.equal(qos, '/old offers best_effort, volatile; this channel asks for reliable, transient_local');
  });

  it('reports a publisher of another type by name', () => {
    const { wanted, types } = match({ type: BOOL, qos: 'auto' }, [offer(RELIABLE), offer(BEST_EFFORT, 'std_msgs/msg/String', '/new')]);
    assert.deepEqual(wanted, { type: BOOL, qos: { ...RELIABLE, depth: 1_000 } });
    assert.equal(types, `/new publishes std_msgs/msg/String; expected ${BOOL}`);
  });

  it('does not exist while the publishers of an automatic type disagree', () => {
    const { wanted, types } = match(AUTO, [offer(RELIABLE), offer(RELIABLE, 'std_msgs/msg/String', '/new')]);
    assert.equal(wanted, undefined);
    assert.match(String(types), /\/gas publishes std_msgs\/msg\/Bool, \/new publishes std_msgs\/msg\/String; set the channel/);
  });
});
