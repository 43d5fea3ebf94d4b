import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configSchema } from '../../src/config/index.ts';
import { endedAlerts, leftOutAlerts } from '../../src/sensing/index.ts';

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
    assert.deepEqual(
      endedAlerts(standing('gas', 'gas_silent', 'fall', 'fall_silent'), before, after, [{ name: 'fall', isAlert: true }]),
      [],
    );
  });

  it('belong to an unusable channel whose entry was corrected, because its next message may be weeks away', () => {
    const rows = endedAlerts(standing('gas_unusable'), channels({ gas: ALERT }), channels({ gas: { ...ALERT, alert_when: '> 5' } }));
    assert.deepEqual(
      rows.map((row) => 'channel' in row && row.channel),
      ['gas_unusable'],
    );
    assert.deepEqual(endedAlerts(standing('gas_unusable'), channels({ gas: ALERT }), channels({ gas: { ...ALERT, hold: '3s' } })), []);
    const unheard = channels({ gas: { ...ALERT, qos: 'latched' } });
    assert.equal(endedAlerts(standing('gas_unusable'), unheard, channels({ gas: ALERT })).length, 1, 'also a corrected qos');
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

describe('a channel with an error in the configuration', () => {
  const off = (name: string, isAlert = true) => ({ name, isAlert });
  const raised = (rows: ReturnType<typeof leftOutAlerts>) =>
    rows.map((row) => 'channel' in row && [row.channel, row.value, row.extra?.alert]);

  it('raises its _unusable alert once if it was meant as an alert', () => {
    assert.deepEqual(raised(leftOutAlerts(new Map(), [off('fall'), off('battery', false)])), [['fall_unusable', true, 'raised']]);
    assert.deepEqual(leftOutAlerts(standing('fall_unusable'), [off('fall')]), []);
  });

  it('raises it again if it was cleared', () => {
    const last = new Map([['fall_unusable', { alert: 'cleared', incident: 'old' } as const]]);
    assert.equal(leftOutAlerts(last, [off('fall')]).length, 1);
  });

  it('raises nothing under a name that no row can have', () => {
    assert.deepEqual(leftOutAlerts(new Map(), [off('Fall'), off('a'.repeat(39))]), []);
  });
});
