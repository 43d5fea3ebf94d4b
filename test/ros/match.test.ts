import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { match, type Offer, type QosProfile } from '../../src/ros/index.ts';

const BOOL = 'std_msgs/msg/Bool';
const RELIABLE = { reliability: 'reliable', durability: 'volatile' } as const;
const BEST_EFFORT = { reliability: 'best_effort', durability: 'volatile' } as const;
const LATCHED = { reliability: 'reliable', durability: 'transient_local' } as const;
const offer = (qos: Offer['qos'], type = BOOL, node = '/gas'): Offer => ({ node, type, qos });
const deep = (qos: Pick<QosProfile, 'reliability' | 'durability'>): QosProfile => ({ ...qos, depth: 1_000 });
const AUTO = { type: undefined, qos: 'auto' } as const;

describe('the subscription of a channel', () => {
  it('is reliable before the first publisher, if its type is known', () => {
    assert.equal(match(AUTO, []).wanted, undefined);
    assert.deepEqual(match({ type: BOOL, qos: 'auto' }, []).wanted, { type: BOOL, qos: [{ ...RELIABLE, depth: 1_000 }] });
  });

  it('has the quality of service of the publishers', () => {
    for (const qos of [RELIABLE, BEST_EFFORT, LATCHED]) {
      assert.deepEqual(match(AUTO, [offer(qos)]).wanted, { type: BOOL, qos: [{ ...qos, depth: 1_000 }] });
    }
  });

  it('has one reader for each kind of publisher', () => {
    const readers = (...offers: Offer[]) => match(AUTO, offers).wanted?.qos;
    assert.deepEqual(readers(offer(BEST_EFFORT), offer(LATCHED)), [LATCHED, BEST_EFFORT].map(deep));
    assert.deepEqual(readers(offer(RELIABLE), offer(LATCHED), offer(RELIABLE)), [LATCHED, RELIABLE].map(deep));
    assert.deepEqual(readers(offer({ ...LATCHED, reliability: 'best_effort' })), [deep(BEST_EFFORT)]);
  });

  it('has all three readers from the start if the channel raises alerts', () => {
    for (const offers of [[], [offer(LATCHED)], [offer(BEST_EFFORT), offer(RELIABLE)]]) {
      const { wanted, qos } = match({ type: BOOL, qos: 'auto', class: 'alert' }, offers);
      assert.deepEqual(wanted, { type: BOOL, qos: [LATCHED, RELIABLE, BEST_EFFORT].map(deep) });
      assert.equal(qos, undefined);
    }
    const configured = { type: BOOL, qos: deep(RELIABLE), class: 'alert' } as const;
    assert.deepEqual(match(configured, [offer(LATCHED)]).wanted?.qos, [deep(RELIABLE)]);
  });

  it('names publishers and entries whose durability has no effect without reliability', () => {
    const useless = { reliability: 'best_effort', durability: 'transient_local' } as const;
    assert.equal(
      match({ ...AUTO, class: 'alert' }, [offer(useless), offer(LATCHED)]).unkept,
      '/gas offers best_effort, transient_local; DDS keeps nothing for such a pair, so a message sent before they met is lost',
    );
    const asked = match({ type: BOOL, qos: deep(useless) }, []).unkept;
    assert.match(String(asked), /^this channel asks for best_effort, transient_local; DDS keeps nothing/);
    assert.equal(match(AUTO, [offer(LATCHED)]).unkept, undefined);
  });

  it('names a publisher with another definition of the type, if both hashes are known', () => {
    const hash = `RIHS01_${'ab'.repeat(32)}`;
    const other = { ...offer(RELIABLE, BOOL, '/humble'), hash, localHash: `RIHS01_${'cd'.repeat(32)}` };
    const { wanted, definition } = match(AUTO, [other, { ...offer(RELIABLE), hash, localHash: hash }]);
    assert.equal(wanted?.type, BOOL);
    assert.equal(
      definition,
      `/humble has another definition of ${BOOL} (RIHS01_abababababab...) than this machine (RIHS01_cdcdcdcdcdcd...)`,
    );
    assert.equal(match(AUTO, [{ ...other, hash: undefined }]).definition, undefined);
    assert.equal(match(AUTO, [{ ...other, localHash: undefined }]).definition, undefined);
  });

  it('has the configured policies, and the message names a publisher that offers less', () => {
    const { wanted, qos } = match({ type: BOOL, qos: { ...LATCHED, depth: 10 } }, [offer(LATCHED), offer(BEST_EFFORT, BOOL, '/old')]);
    assert.deepEqual(wanted?.qos, [{ ...LATCHED, depth: 10 }]);
    assert.equal(qos, '/old offers best_effort, volatile; this channel asks for reliable, transient_local');
  });

  it('reports a publisher of another type by name', () => {
    const { wanted, types } = match({ type: BOOL, qos: 'auto' }, [offer(RELIABLE), offer(BEST_EFFORT, 'std_msgs/msg/String', '/new')]);
    assert.deepEqual(wanted, { type: BOOL, qos: [{ ...RELIABLE, depth: 1_000 }] });
    assert.equal(types, `/new publishes std_msgs/msg/String; expected ${BOOL}`);
  });

  it('does not exist while the publishers of an automatic type disagree', () => {
    const { wanted, types } = match(AUTO, [offer(RELIABLE), offer(RELIABLE, 'std_msgs/msg/String', '/new')]);
    assert.equal(wanted, undefined);
    assert.match(String(types), /\/gas publishes std_msgs\/msg\/Bool, \/new publishes std_msgs\/msg\/String; set type to one of them/);
  });
});
