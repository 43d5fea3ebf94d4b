// Tests the readers of a subscription with native functions that fail, which the real ones seldom do.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { codecs } from '../../../src/ros/codec.ts';
import type { NativeBinding, NativeHandle } from '../../../src/ros/native/functions.ts';
import { MessageStruct, structBytes } from '../../../src/ros/native/messageStruct.ts';
import { NativeSubscription } from '../../../src/ros/native/subscription.ts';
import type { QosProfile } from '../../../src/ros/types.ts';
import { wellKnownDefinitions } from '../../../src/ros/wellKnown.ts';

const RELIABLE: QosProfile = { reliability: 'reliable', durability: 'volatile', depth: 10 };
const LATCHED: QosProfile = { ...RELIABLE, durability: 'transient_local' };
const BOOL = 'std_msgs/msg/Bool';

describe('the readers of a subscription', () => {
  it('report an error of a native function, and end neither the process nor the subscription', () => {
    const errors: string[] = [];
    const codec = codecs(wellKnownDefinitions())(BOOL);
    const binding: Partial<NativeBinding> = {
      rclTakeWithInfo: () => {
        throw new Error('error not set');
      },
    };
    const subscription = new NativeSubscription({
      options: {
        topic: '/gas',
        type: BOOL,
        qos: [LATCHED, RELIABLE],
        onMessage: () => undefined,
        onError: ({ message }) => errors.push(message),
      },
      codec,
      binding: binding as NativeBinding,
      struct: new MessageStruct(binding as NativeBinding, codec),
      samplesPerTurn: 10,
      offerOf: () => undefined,
      open: (): NativeHandle => ({ release: () => undefined }),
      onOpen: () => undefined,
      onClose: () => undefined,
    });
    assert.equal(subscription.take(subscription.handles), 'nothing');
    assert.deepEqual(errors, ['error not set']);
    assert.ok(!subscription.isClosed);
  });

  it('reserve at least the memory that the C struct of a type needs', () => {
    const struct = (text: string) => codecs(wellKnownDefinitions({ 'house_msgs/msg/Room': text }))('house_msgs/msg/Room').struct;
    // The sizes of the structs by sizeof(), compiled for x86-64.
    for (const [text, size] of [
      ['bool a', 1],
      ['bool a\nfloat64 b\nbool c', 24],
      ['string a', 24],
      ['string[] a\nuint8 b', 32],
      ['float64[36] a', 288],
      ['builtin_interfaces/Time[3] a', 24],
      ['std_msgs/Header a\nbool[3] b', 40],
      ['string[4] a', 96],
    ] as const) {
      assert.ok(structBytes(struct(text)) >= size, `${text}: ${structBytes(struct(text))}`);
    }
  });
});
