import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { codecs } from '../../src/ros/codec.ts';
import { WELL_KNOWN, wellKnownDefinitions } from '../../src/ros/wellKnown.ts';

const MIXED = `bool flag
int8 small
int64 whole
uint64 count
float32[] floats
float64[3] triple
string<=5 short
string[] words
builtin_interfaces/Time[] stamps
test_msgs/Inner[] inner
test_msgs/Nothing[<=2] nothing
uint8[] bytes
int16[2] pair`;
const codec = codecs(
  wellKnownDefinitions({
    'test_msgs/msg/Mixed': MIXED,
    'test_msgs/msg/Inner': 'uint8 a\nfloat64 b\nstring c',
    'test_msgs/msg/Nothing': '',
    'test_msgs/msg/Loop': 'Loop[] again',
    'test_msgs/msg/Broken': 'this is no definition',
    'test_msgs/msg/Constants': 'uint8 LOW=1\nuint8 level 7\nint32[] numbers [1, 2]',
    'test_msgs/msg/Wide': 'int8[] a\nint16[] b\nint32[] c\nuint16[] d\nuint32[] e\nfloat64[] f',
  }),
);

const PLAIN = { noNullPrototype: true } as const;
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(asRead);
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(asRead);
// A message cannot contain a NUL, which ends a string in C, or a lone surrogate, which has no UTF-8.
const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0') && !/\p{Surrogate}/u.test(value));
const stamp = fc.record(
  { sec: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), nanosec: fc.integer({ min: 0, max: 2 ** 32 - 1 }) },
  PLAIN,
);
const mixed = fc.record(
  {
    flag: fc.boolean(),
    small: fc.integer({ min: -128, max: 127 }),
    whole: int64,
    count: uint64,
    floats: fc.float32Array(),
    triple: fc.float64Array({ minLength: 3, maxLength: 3 }),
    short: text.filter((value) => value.length <= 5),
    words: fc.array(text),
    stamps: fc.array(stamp),
    inner: fc.array(fc.record({ a: fc.nat(255), b: fc.double(), c: text }, PLAIN)),
    nothing: fc.array(fc.constant({}), { maxLength: 2 }),
    bytes: fc.uint8Array(),
    pair: fc.int16Array({ minLength: 2, maxLength: 2 }),
  },
  PLAIN,
);

describe('the codec', () => {
  test('decodes each message that it encoded', () => {
    const { encode, decode } = codec('test_msgs/msg/Mixed');
    fc.assert(
      fc.property(mixed, (message) => {
        assert.deepEqual(decode(encode(message)), message);
      }),
      { numRuns: 1000 },
    );
  });

  test('decodes or refuses any bytes without large allocations', () => {
    const before = process.memoryUsage();
    const types = ['test_msgs/msg/Mixed', 'test_msgs/msg/Wide', ...Object.keys(WELL_KNOWN)].map((type) => codec(type));
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.boolean(), fc.uint8Array({ maxLength: 200 }), ({ decode }, little, tail) => {
        try {
          decode(Buffer.from([0, little ? 1 : 0, 0, 0, ...tail]));
        } catch (error) {
          assert.ok(error instanceof RangeError, String(error));
        }
      }),
      { numRuns: 20_000 },
    );
    const after = process.memoryUsage();
    assert.ok(after.arrayBuffers - before.arrayBuffers < 50e6, 'array buffers');
    assert.ok(after.heapTotal - before.heapTotal < 200e6, 'heap');
  });

  test('refuses a truncated message, and decodes or refuses a message with a changed byte', () => {
    const { encode, decode } = codec('test_msgs/msg/Mixed');
    fc.assert(
      fc.property(mixed, fc.nat(), fc.nat(), fc.nat(255), (message, cut, at, value) => {
        const bytes = Buffer.from(encode(message));
        assert.throws(() => decode(bytes.subarray(0, cut % (bytes.length - 3))), RangeError);
        bytes[at % bytes.length] = value;
        try {
          decode(bytes);
        } catch (error) {
          assert.ok(error instanceof RangeError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('refuses a huge count in a short message before an allocation', () => {
    const bytes = Buffer.from('000100000000000000000000ffffff01', 'hex');
    for (const type of ['diagnostic_msgs/msg/DiagnosticArray', 'test_msgs/msg/Wide', 'sensor_msgs/msg/CompressedImage']) {
      assert.throws(() => codec(type).decode(Buffer.concat([bytes, bytes])), RangeError, type);
    }
    assert.throws(
      () => codec('test_msgs/msg/Wide').decode(Buffer.from('00010000ffffff01', 'hex')),
      /a sequence of 33554431 does not fit into the remaining 0 bytes/,
    );
  });

  test('does not read beyond the message, even if the message is part of a larger buffer', () => {
    const whole = Buffer.concat([Buffer.from('000100000a000000', 'hex'), Buffer.from('secret beyond the end')]);
    assert.throws(() => codec('std_msgs/msg/String').decode(whole.subarray(0, 10)), RangeError);
  });

  test('decodes big-endian messages', () => {
    const bytes = Buffer.from(
      '00000000' + '00000005' + '00000009' + '00000003' + '616200' + '00' + '4049000000000000' + '3ff0000000000000',
      'hex',
    );
    assert.deepEqual(codec('sensor_msgs/msg/Temperature').decode(bytes), {
      header: { stamp: { sec: 5, nanosec: 9 }, frame_id: 'ab' },
      temperature: 50,
      variance: 1,
    });
    const wide = '00000000' + '00000001' + '01' + '000000' + '00000001' + '0102' + '0000' + '00000001' + '01020304';
    const rest = '00000001' + '0102' + '0000' + '00000001' + '01020304' + '00000001' + '00000000' + '3ff0000000000000';
    const read = codec('test_msgs/msg/Wide').decode(Buffer.from(wide + rest, 'hex'));
    assert.deepEqual(read.b, Int16Array.of(0x0102));
    assert.deepEqual(read.c, Int32Array.of(0x01020304));
    assert.deepEqual(read.f, Float64Array.of(1));
  });

  test('encodes and decodes a Bool as the DDS standard defines it', () => {
    const { encode, decode } = codec('std_msgs/Bool');
    assert.deepEqual(encode({ data: true }), Buffer.from('0001000001', 'hex'));
    assert.deepEqual(decode(Buffer.from('0001000001000000', 'hex')), { data: true });
  });

  test('does not copy an image: its bytes are a view of the message', () => {
    const { encode, decode } = codec('sensor_msgs/msg/CompressedImage');
    const bytes = Buffer.from(encode({ format: 'jpeg', data: new Uint8Array(60_000).fill(7) }));
    const { data } = decode(bytes) as { data: Uint8Array };
    assert.equal(data.length, 60_000);
    assert.equal(data.buffer, bytes.buffer);
  });

  test('ignores constants, and fills omitted fields with their defaults', () => {
    const { encode, decode } = codec('test_msgs/msg/Constants');
    assert.deepEqual(decode(encode({})), { level: 7, numbers: Int32Array.of(1, 2) });
    assert.throws(() => encode({ LOW: 2 }), /has no field LOW, expected one of: level, numbers/);
  });

  test('reports a definition that contains itself or cannot be parsed as an error of its type', () => {
    assert.throws(() => codec('test_msgs/msg/Loop'), { code: 'ROS_TYPE_UNKNOWN', message: /contains itself/ });
    assert.throws(() => codec('test_msgs/msg/Broken'), { code: 'ROS_TYPE_UNKNOWN', message: /cannot be read/ });
  });
});

function asRead(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
