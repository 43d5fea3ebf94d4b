import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type AdmissionFacts, type Arrival, admit, isStop } from '../../src/commands/admit.ts';
import { configSchema } from '../../src/config/index.ts';
import { MAX_COMMAND_BYTES } from '../../src/wire/index.ts';
import { admissionFacts, NOW } from '../support/admission.ts';

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
  stop: {
    topic: '/cmd_vel',
    type: 'geometry_msgs/Twist',
    message: { linear: { x: 0 } },
    also: [{ topic: '/cancel', type: 'std_msgs/Bool', message: { data: true } }],
  },
  drive: {
    topic: '/cmd_vel',
    type: 'geometry_msgs/Twist',
    message: { linear: { x: '$linear' } },
    args: { linear: { type: 'number', min: -0.3, max: 0.3 }, duration_ms: { type: 'integer', min: 50, max: 2000, default: 500 } },
    motion: true,
    when: ['battery > 15', 'fall == false'],
  },
  patrol: {
    topic: '/patrol',
    type: 'std_msgs/String',
    message: { data: '$value' },
    args: { value: { type: 'string', enum: ['start', 'stop'] }, duration_ms: { type: 'integer', min: 1000, max: 60000, default: 9000 } },
    motion: true,
    motion_unless: { value: 'stop' },
    when: ['fall == false'],
  },
  goto: {
    topic: '/goal',
    type: 'geometry_msgs/Pose',
    message: { position: '$place' },
    args: {
      place: { type: 'string', choices: { kitchen: { x: 3 }, bed: { x: -1 } } },
      duration_ms: { type: 'integer', min: 1000, max: 60000, default: 9000 },
    },
    motion: true,
  },
  snapshot: { does: 'snapshot' },
});

const facts = (over: Partial<AdmissionFacts> = {}) => admissionFacts(commands, over);

const untrusted = { clock: { wallMs: NOW, trusted: false, connectedAtMs: undefined } };

function arrival(json: unknown, over: Partial<Arrival> = {}): Arrival {
  const payload = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
  return { payload, retained: false, expiryMs: undefined, ...over };
}

const good = { id: 'a1', thing: 'bot', command: 'buzzer', value: true, issued_at: NOW, expires_at: NOW + 10_000 };

const driven = { ...good, command: 'drive', value: undefined, args: { linear: 0.1 } };
const patrolled = { ...good, command: 'patrol', value: 'stop' };
const latestValue = (values: Record<string, unknown>, ageMs = 1_000) => ({
  latestValue: (channel: string) => (Object.hasOwn(values, channel) ? { value: values[channel], ageMs } : undefined),
});
const allMet = latestValue({ battery: 80, fall: false });

const REFUSED: readonly [title: string, reason: string | undefined, arrival: Arrival, facts?: Partial<AdmissionFacts>][] = [
  ['no JSON', 'malformed', arrival('{')],
  ['not UTF-8', 'malformed', { payload: Buffer.from([0x7b, 0xff, 0x7d]), retained: false, expiryMs: undefined }],
  ['an array', 'malformed', arrival([])],
  ['too large', 'too_large', arrival({ ...good, value: 'x'.repeat(MAX_COMMAND_BYTES) })],
  ['retained', 'retained', arrival(good, { retained: true })],
  ['an unknown command', 'unknown_command', arrival({ ...good, command: 'open_door' })],
  ['the name __proto__', 'malformed', arrival({ ...good, command: '__proto__' })],
  ['the name of a method of every object', 'unknown_command', arrival({ ...good, command: 'constructor' })],
  ['for another robot', 'wrong_thing', arrival({ ...good, thing: 'other' })],
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
  ['a lone surrogate', 'bad_arguments', arrival({ ...good, command: 'say', value: '\ud800' })],
  ['a NUL', 'bad_arguments', arrival({ ...good, command: 'say', value: 'a\0b' })],
  [
    'an argument __proto__',
    'bad_arguments',
    arrival(`{"id":"a1","thing":"bot","command":"buzzer","args":{"value":true,"__proto__":1},"expires_at":${NOW + 9_000}}`),
  ],
  ['an unknown choice', 'bad_arguments', arrival({ ...good, command: 'goto', value: undefined, args: { place: 'constructor' } })],
  [
    'issued before the connection',
    'not_allowed',
    arrival({ ...good, issued_at: NOW - 9_000 }),
    { clock: { wallMs: NOW, trusted: true, connectedAtMs: NOW } },
  ],
  [
    'a built-in command that the agent can’t execute',
    'not_allowed',
    arrival({ ...good, command: 'snapshot', value: undefined }),
    { unable: () => 'no camera' },
  ],
  ['a channel that was never received', 'condition_not_met', arrival(driven), latestValue({ fall: false })],
  ['a channel whose value is bad', 'condition_not_met', arrival(driven), latestValue({ battery: null, fall: false })],
  ['a channel whose last value is too old', 'condition_not_met', arrival(driven), latestValue({ battery: 80, fall: false }, 60_001)],
  ['a battery at its limit', 'condition_not_met', arrival(driven), latestValue({ battery: 15, fall: false })],
  ['the fall of the person', 'condition_not_met', arrival(driven), latestValue({ battery: 80, fall: true })],
  ['another running motion', 'motion_busy', arrival(driven), { ...allMet, moving: 'goto' }],
  ['no guard', 'not_allowed', arrival(driven), { ...allMet, noMotion: 'the guard is not running' }],
  ['a motion without a clock', 'clock_untrusted', arrival(driven, { expiryMs: 60_000 }), { ...allMet, ...untrusted }],
  ['no MQTT expiry without a clock', 'clock_untrusted', arrival(good), untrusted],
  ['an MQTT expiry beyond ttl without a clock', 'not_allowed', arrival(good, { expiryMs: 61_000 }), untrusted],
  [
    'an expiry of its own beyond ttl without a clock',
    'not_allowed',
    arrival({ ...good, expires_at: NOW + 60_001 }, { expiryMs: 1_000 }),
    untrusted,
  ],
  ['a stop that was retained', 'retained', arrival({ ...good, command: 'stop', value: undefined }, { retained: true })],
  ['a stop for another robot', 'wrong_thing', arrival({ ...good, command: 'stop', thing: 'other', value: undefined })],
  ['too many commands at once', 'rate_limited', arrival(good), { flooded: true }],
  ['an agent that is stopping', 'not_allowed', arrival(good), { stopping: true }],
  ['ids that cannot be recorded', 'not_allowed', arrival(good), { unrecordable: 'the disk failed' }],
  [
    'a command from before the journal was restored',
    'not_allowed',
    arrival({ ...good, issued_at: NOW - 9_000 }),
    { completeForMs: 68_999 },
  ],
  [
    'a command without issued_at that may be from before the journal was restored',
    'not_allowed',
    arrival({ ...good, issued_at: undefined, expires_at: NOW + 9_000 }),
    { completeForMs: 50_000 },
  ],
  [
    'any command for its ttl after the journal was restored, without a clock',
    'not_allowed',
    arrival(good, { expiryMs: 5_000 }),
    { ...untrusted, completeForMs: 50_000 },
  ],
  ['too many commands in a minute', 'rate_limited', arrival(good), { recent: () => 30 }],
];

describe('a command', () => {
  it('becomes the configured ROS message if it is valid', () => {
    const verdict = admit(arrival(good), facts());
    assert.ok(verdict.verdict === 'admitted');
    assert.deepEqual(
      [verdict.id, verdict.name, verdict.messages],
      ['a1', 'buzzer', [{ topic: '/buzzer_command', type: 'std_msgs/msg/Bool', message: { data: true } }]],
    );
  });

  for (const [title, reason, message, over] of REFUSED) {
    it(`is refused as ${reason ?? 'expired'}: ${title}`, () => {
      const verdict = admit(message, facts(over));
      assert.ok(verdict.verdict === 'refused');
      assert.deepEqual([verdict.reason, verdict.status], [reason, reason ? 'rejected' : 'expired']);
    });
  }

  it('is valid for two seconds beyond its expiry, the tolerance between two good clocks', () => {
    assert.equal(admit(arrival({ ...good, issued_at: NOW - 9_000, expires_at: NOW - 2_000 }), facts()).verdict, 'admitted');
  });

  it('is admitted without a trusted clock if it has an MQTT expiry of at most ttl', () => {
    assert.equal(admit(arrival(good, { expiryMs: 60_000 }), facts(untrusted)).verdict, 'admitted');
  });

  it('is a duplicate if its id was accepted before', () => {
    assert.deepEqual(admit(arrival(good), facts({ known: (id) => id === 'a1' })), { verdict: 'duplicate', id: 'a1' });
  });

  it('from an older client is admitted only with legacy: true', () => {
    assert.equal(admit(arrival({ command: 'say', value: 'hi' }), facts()).verdict, 'admitted');
    assert.equal(admit(arrival({ command: 'buzzer', value: true }), facts()).verdict, 'refused');
  });

  it('with a number beyond its limits is clamped, and the result names the argument', () => {
    const verdict = admit(arrival({ ...good, command: 'dim', value: undefined, args: { level: 7 } }), facts());
    assert.ok(verdict.verdict === 'admitted');
    assert.deepEqual([verdict.messages[0]?.message, verdict.clamped], [{ data: 1 }, ['level']]);
  });

  it('that starts a motion has a duration within the limits', () => {
    const admitted = (args: object) => admit(arrival({ ...driven, args }), facts(allMet));
    const [usual, long] = [admitted({ linear: 0.1 }), admitted({ linear: 9, duration_ms: 60_000 })];
    assert.ok(usual.verdict === 'admitted' && long.verdict === 'admitted');
    assert.deepEqual(
      [usual.motion, long.motion],
      [
        { begins: true, durationMs: 500 },
        { begins: true, durationMs: 2_000 },
      ],
    );
    assert.deepEqual(long.clamped, ['linear', 'duration_ms']);
  });

  it('replaces a motion of its own name', () => {
    assert.equal(admit(arrival(driven), facts({ ...allMet, moving: 'drive' })).verdict, 'admitted');
  });

  it('that ends a motion needs no condition and no guard', () => {
    const verdict = admit(arrival(patrolled), facts({ ...latestValue({}), noMotion: 'the guard is not running', moving: 'patrol' }));
    assert.ok(verdict.verdict === 'admitted');
    assert.deepEqual(verdict.motion, { begins: false });
    assert.equal(admit(arrival({ ...patrolled, value: 'start' }), facts(latestValue({}))).verdict, 'refused');
  });

  it('with a choice gets the message part of that choice', () => {
    const verdict = admit(arrival({ ...good, command: 'goto', value: undefined, args: { place: 'bed' } }), facts());
    assert.ok(verdict.verdict === 'admitted');
    assert.deepEqual(verdict.messages[0]?.message, { position: { x: -1 } });
  });

  it('to stop is always admitted: late, repeated, without a clock, in a flood, with extra fields', () => {
    const late = { ...good, command: 'stop', args: { loud: true }, issued_at: 'soon', expires_at: 1 };
    const worst = {
      ...untrusted,
      known: () => assert.fail('a stop does not read the journal'),
      recent: () => 1_000,
      flooded: true,
      moving: 'goto',
    };
    for (const json of [late, { command: 'stop' }, { ...late, id: '?' }]) {
      const verdict = admit(arrival(json), facts(worst));
      assert.ok(verdict.verdict === 'stop' && isStop(arrival(json), facts()));
      assert.deepEqual(
        verdict.messages.map(({ topic }) => topic),
        ['/cmd_vel', '/cancel'],
      );
    }
    assert.equal(isStop(arrival({ ...good, value: 'stop' }), facts()), false);
  });

  it('gets a verdict even if it is malformed, and is admitted only if it is configured', () => {
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
