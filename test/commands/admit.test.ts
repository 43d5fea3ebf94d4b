import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type AdmissionFacts, type Arrival, admit } from '../../src/commands/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { MAX_COMMAND_BYTES } from '../../src/wire/index.ts';

const NOW = Date.UTC(2027, 0, 1);

const commands = configSchema.shape.commands.parse({
  buzzer: { topic: '/buzzer_command', type: 'std_msgs/Bool', message: { data: '$value' }, args: { value: { type: 'boolean' } } },
  dim: { topic: '/lamp', type: 'std_msgs/Float32', message: { data: '$level' }, args: { level: { type: 'number', min: 0, max: 1 } } },
  say: {
    topic: '/say',
    type: 'std_msgs/String',
    message: { data: '$value' },
    args: { value: { type: 'string', max_length: 5 } },
    legacy: true,
  },
});

function facts(over: Partial<AdmissionFacts> = {}): AdmissionFacts {
  return {
    thing: 'bot',
    clock: { wallMs: NOW, trusted: true, connectedAtMs: NOW - 60_000 },
    commands,
    known: () => false,
    recent: () => 0,
    heard: () => undefined,
    moving: undefined,
    noMotion: undefined,
    unable: () => undefined,
    flooded: false,
    stopping: false,
    ...over,
  };
}

const untrusted = { clock: { wallMs: NOW, trusted: false, connectedAtMs: undefined } };

function arrival(json: unknown, over: Partial<Arrival> = {}): Arrival {
  const payload = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
  return { payload, retained: false, expires: false, ...over };
}

const good = { id: 'a1', thing: 'bot', command: 'buzzer', value: true, issued_at: NOW, expires_at: NOW + 10_000 };

const REFUSED: readonly [what: string, reason: string | undefined, arrival: Arrival, facts?: Partial<AdmissionFacts>][] = [
  ['no JSON', 'malformed', arrival('{')],
  ['not UTF-8', 'malformed', { payload: Buffer.from([0x7b, 0xff, 0x7d]), retained: false, expires: false }],
  ['an array', 'malformed', arrival([])],
  ['too large', 'too_large', arrival({ ...good, value: 'x'.repeat(MAX_COMMAND_BYTES) })],
  ['retained', 'retained', arrival(good, { retained: true })],
  ['an unknown command', 'unknown_command', arrival({ ...good, command: 'open_door' })],
  ['a name of an object’s own', 'malformed', arrival({ ...good, command: '__proto__' })],
  ['a name every object has', 'unknown_command', arrival({ ...good, command: 'constructor' })],
  ['another robot’s', 'wrong_thing', arrival({ ...good, thing: 'other' })],
  ['no id', 'malformed', arrival({ ...good, id: undefined })],
  ['no expiry', 'malformed', arrival({ ...good, expires_at: undefined })],
  ['expired', undefined, arrival({ ...good, issued_at: NOW - 30_000, expires_at: NOW - 2_001 })],
  ['from the future', 'clock_skew', arrival({ ...good, issued_at: NOW + 60_001, expires_at: NOW + 61_000 })],
  ['valid for too long', 'not_allowed', arrival({ ...good, expires_at: NOW + 60_001 })],
  ['an untrusted clock', 'clock_untrusted', arrival(good), untrusted],
  ['an unknown argument', 'bad_arguments', arrival({ ...good, value: undefined, args: { value: true, loud: 1 } })],
  ['a missing argument', 'bad_arguments', arrival({ ...good, value: undefined })],
  ['a wrong type', 'bad_arguments', arrival({ ...good, value: 'yes' })],
  ['value and args', 'bad_arguments', arrival({ ...good, args: { value: true } })],
  ['a long string', 'bad_arguments', arrival({ ...good, command: 'say', value: 'abcdef' })],
  ['one too many in a minute', 'rate_limited', arrival(good), { recent: () => 30 }],
];

describe('a command', () => {
  it('that is all right becomes the configured ROS message', () => {
    const verdict = admit(arrival(good), facts());
    assert.ok(verdict.verdict === 'admitted');
    assert.deepEqual(
      [verdict.id, verdict.name, verdict.messages],
      ['a1', 'buzzer', [{ topic: '/buzzer_command', type: 'std_msgs/msg/Bool', message: { data: true } }]],
    );
  });

  for (const [what, reason, message, over] of REFUSED) {
    it(`that is or has ${what} is refused: ${reason ?? 'expired'}`, () => {
      const verdict = admit(message, facts(over));
      assert.ok(verdict.verdict === 'refused');
      assert.deepEqual([verdict.reason, verdict.status], [reason, reason ? 'rejected' : 'expired']);
    });
  }

  it('is valid for two seconds beyond its expiry: what two good clocks may differ', () => {
    assert.equal(admit(arrival({ ...good, issued_at: NOW - 9_000, expires_at: NOW - 2_000 }), facts()).verdict, 'admitted');
  });

  it('is taken without a trusted clock where the broker itself lets it expire', () => {
    assert.equal(admit(arrival(good, { expires: true }), facts(untrusted)).verdict, 'admitted');
  });

  it('that was taken before is neither run nor answered again', () => {
    assert.deepEqual(admit(arrival(good), facts({ known: (id) => id === 'a1' })), { verdict: 'duplicate', id: 'a1' });
  });

  it('of an older client is taken only where its configuration says so', () => {
    assert.equal(admit(arrival({ command: 'say', value: 'hi' }), facts()).verdict, 'admitted');
    assert.equal(admit(arrival({ command: 'buzzer', value: true }), facts()).verdict, 'refused');
  });

  it('with a number beyond its limits is brought back into them, and says so', () => {
    const verdict = admit(arrival({ ...good, command: 'dim', value: undefined, args: { level: 7 } }), facts());
    assert.ok(verdict.verdict === 'admitted');
    assert.deepEqual([verdict.messages[0]?.message, verdict.clamped], [{ data: 1 }, ['level']]);
  });

  it('of any shape at all gets a verdict, and only what the configuration allows is admitted', () => {
    const mutated = fc.record(
      {
        id: fc.oneof(fc.constant('a1'), fc.anything()),
        thing: fc.oneof(fc.constant('bot'), fc.anything()),
        command: fc.oneof(fc.constantFrom('buzzer', 'dim', 'say', 'toString'), fc.anything()),
        value: fc.oneof(fc.boolean(), fc.double(), fc.string(), fc.anything()),
        args: fc.oneof(fc.constant(undefined), fc.dictionary(fc.string(), fc.anything()), fc.anything()),
        issued_at: fc.oneof(fc.constant(NOW), fc.integer(), fc.anything()),
        expires_at: fc.oneof(fc.constant(NOW + 5_000), fc.integer(), fc.anything()),
      },
      { requiredKeys: [] },
    );
    const text = fc.oneof(
      mutated.map((json) => {
        try {
          return JSON.stringify(json, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
        } catch {
          return '{}';
        }
      }),
      fc.string(),
      fc.json(),
    );
    fc.assert(
      fc.property(text, fc.boolean(), (message, retained) => {
        const verdict = admit(arrival(message, { retained }), facts());
        if (verdict.verdict !== 'admitted') return;
        assert.equal(retained, false);
        const data: unknown = verdict.messages[0]?.message.data;
        if (verdict.name === 'buzzer') assert.equal(typeof data, 'boolean');
        else if (verdict.name === 'dim') assert.ok(typeof data === 'number' && data >= 0 && data <= 1);
        else assert.ok(verdict.name === 'say' && typeof data === 'string' && data.length <= 5);
      }),
      { numRuns: 5_000 },
    );
  });
});
