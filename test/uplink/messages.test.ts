import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { backoffMs } from '../../src/base/index.ts';
import type { Claim, StoredRow } from '../../src/outbox/index.ts';
import { connectCause } from '../../src/uplink/causes.ts';
import { backlogMessage, liveMessage, singleMessage } from '../../src/uplink/messages.ts';
import { flatState, result, telemetry } from '../../src/wire/index.ts';
import { AsyncApi } from '../support/asyncapi.ts';

const facts = { thing: 'bot', mark: [3, 1234] as [number, number], sentAt: 1_795_000_000_000 };

function claim(rows: readonly StoredRow[], rowClass: Claim['class'] = 'telemetry'): Claim {
  const [first, last] = [rows[0]?.seq ?? 1, rows.at(-1)?.seq ?? 1];
  return { class: rowClass, outbox: { id: 'box', accepted: last }, ordinal: 1, first, last, rows };
}

const readings: StoredRow[] = [
  { seq: 4, at: 1_795_000_000_000, channel: 'fall', body: 'true,{"alert":"raised","incident":"i1"}' },
  { seq: 6, at: 1_795_000_000_001, channel: 'temperature', body: '41.5' },
];

describe('a message', () => {
  it('with readings also contains the current state', () => {
    const text = liveMessage('alert', claim(readings), facts, {
      stateSeq: 6,
      values: new Map([
        ['fall', 'true'],
        ['temperature', '41.5'],
      ]),
    });
    assert.equal(new AsyncApi().fault('telemetry', Buffer.from(text)), null);
    const message = telemetry.parse(JSON.parse(text));
    assert.deepEqual([message.kind, message.state_seq, message.accepted, message.mark], ['alert', 6, 6, [3, 1234]]);
    assert.deepEqual(flatState(message), { fall: true, temperature: 41.5 });
    assert.deepEqual(message.readings[0], [4, 1_795_000_000_000, 'fall', true, { alert: 'raised', incident: 'i1' }]);
  });

  it('for the backlog contains no state, and inflates to the same readings', () => {
    const rows = Array.from(
      { length: 500 },
      (_, i): StoredRow => ({ seq: i + 1, at: 1_795_000_000_000 + i, channel: 'battery', body: String(90 - i / 100) }),
    );
    const payload = backlogMessage(claim(rows), facts);
    assert.ok(Buffer.isBuffer(payload) && payload[0] === 0x78);
    assert.equal(new AsyncApi().fault('backlog', payload), null);
    const message = telemetry.parse(JSON.parse(inflateSync(payload).toString()));
    assert.deepEqual([message.kind, message.readings.length, message.state_seq], ['backlog', 500, undefined]);
    assert.deepEqual(flatState(message), {});
    assert.ok(payload.length < 6_000);
  });

  it('with a result contains one row', () => {
    const row = { seq: 9, at: 1_795_000_000_000, channel: '', body: '"kind":"result","id":"a1","command":"buzzer","status":"done"' };
    const message = result.parse(JSON.parse(singleMessage(claim([row], 'result'), facts)));
    assert.deepEqual([message.seq, message.id, message.status], [9, 'a1', 'done']);
  });
});

describe('the wait before the next connect', () => {
  it('stays between its limits, and at most doubles with each failure', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (attempt, random) => {
        const ms = backoffMs(attempt, { minMs: 1_000, maxMs: 300_000 }, random);
        assert.ok(ms >= 1_000 && ms <= Math.min(300_000, 1_000 * 2 ** Math.min(attempt, 30)));
      }),
    );
  });
});

describe('the cause of a failed connection', () => {
  const own = { notBeforeMs: Date.UTC(2026, 0, 1), notAfterMs: Date.UTC(2028, 0, 1) };
  const now = { trusted: true, wallMs: Date.UTC(2027, 0, 1) };
  const CAUSES = [
    ['ENOTFOUND', now, 'broker_name_unknown'],
    ['ECONNREFUSED', now, 'broker_refused_connection'],
    ['ETIMEDOUT', now, 'broker_unreachable'],
    ['SELF_SIGNED_CERT_IN_CHAIN', now, 'broker_untrusted'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', now, 'broker_name_mismatch'],
    ['CERT_HAS_EXPIRED', now, 'broker_certificate_expired'],
    ['CERT_HAS_EXPIRED', { ...now, trusted: false }, 'clock_wrong'],
    ['CERT_NOT_YET_VALID', { trusted: false, wallMs: 0 }, 'clock_wrong'],
    ['CERT_HAS_EXPIRED', { trusted: true, wallMs: Date.UTC(2029, 0, 1) }, 'clock_wrong'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', now, 'certificate_refused'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', now, 'certificate_expired'],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', now, 'certificate_expired'],
    ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', now, 'certificate_refused'],
    [135, now, 'not_authorized'],
    [7, now, 'not_authorized'],
    ['SOMETHING_NEW', now, 'broker_unreachable'],
  ] as const;
  for (const [code, clock, cause] of CAUSES) {
    it(`for ${code} ${clock.trusted ? '' : 'with an untrusted clock '}is ${cause}`, () =>
      assert.equal(connectCause(code, { trusted: () => clock.trusted, wall: () => clock.wallMs }, own), cause));
  }
});
