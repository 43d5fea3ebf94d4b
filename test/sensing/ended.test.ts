import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configSchema } from '../../src/config/index.ts';
import { endedAlerts } from '../../src/sensing/index.ts';

const channels = (given: Record<string, Record<string, unknown>>) => configSchema.shape.channels.parse(given);
const ALERT = { topic: '/gas', class: 'alert' };
const standing = (...names: string[]) => new Map(names.map((name) => [name, { alert: 'raised', incident: `of ${name}` } as const]));

describe('alerts that end with their channel', () => {
  it('belong to removed channels, to channels that are no longer alerts, and to a silence without max_silence', () => {
    const after = channels({ gas: ALERT, fire: { ...ALERT, class: 'telemetry' } });
    const rows = endedAlerts(standing('gas', 'fire', 'fall', 'gas_silent'), {}, after);
    assert.deepEqual(
      rows.map((row) => 'channel' in row && row.channel),
      ['fire', 'fall', 'gas_silent'],
    );
    assert.deepEqual(rows[1], { class: 'alert', channel: 'fall', value: null, extra: { alert: 'cleared', incident: 'of fall' } });
  });

  it('do not belong to a channel that continues, or to a channel with an error in the configuration', () => {
    const before = channels({ gas: { ...ALERT, max_silence: '5s' } });
    const after = channels({ gas: { ...ALERT, max_silence: '9s', hold: '3s', alert_when: false } });
    assert.deepEqual(endedAlerts(standing('gas', 'gas_silent', 'fall', 'fall_silent'), before, after, ['fall']), []);
  });

  it('belong to an unusable channel whose entry was corrected, because its next message may be weeks away', () => {
    const rows = endedAlerts(standing('gas_unusable'), channels({ gas: ALERT }), channels({ gas: { ...ALERT, alert_when: '> 5' } }));
    assert.deepEqual(
      rows.map((row) => 'channel' in row && row.channel),
      ['gas_unusable'],
    );
    assert.deepEqual(endedAlerts(standing('gas_unusable'), channels({ gas: ALERT }), channels({ gas: { ...ALERT, hold: '3s' } })), []);
  });

  it('belong to an unusable Empty once the channel reports events, but the alert of an event channel continues', () => {
    const before = channels({ gas: { ...ALERT, type: 'std_msgs/Empty' } });
    const after = channels({ gas: { ...ALERT, type: 'std_msgs/Empty', event: true } });
    const ended = endedAlerts(standing('gas', 'gas_unusable'), before, after);
    assert.deepEqual(
      ended.map((row) => 'channel' in row && row.channel),
      ['gas_unusable'],
    );
    assert.equal(endedAlerts(standing('gas', 'gas_unusable'), {}, after).length, 1, 'also at startup');
  });

  it('belong to a channel whose source changed', () => {
    const rows = endedAlerts(standing('gas'), channels({ gas: ALERT }), channels({ gas: { ...ALERT, topic: '/sensors/gas' } }));
    assert.equal(rows.length, 1);
  });

  it('do not include cleared alerts', () => {
    assert.deepEqual(endedAlerts(new Map([['gas', { alert: 'cleared', incident: 'i' }]]), {}, {}), []);
  });
});
