// The line of YAML that is suggested for an unusable channel keeps the meaning of the entry, and works.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { alerts, channel } from '../support/channel.ts';

describe('the suggestion', () => {
  const suggested = (config: Record<string, unknown>, message: Record<string, unknown>) => {
    const one = channel(config);
    for (const ms of [0, 8_000]) one.accept(message, ms);
    return one.unusable?.suggestion;
  };

  it('keeps the meaning of a condition on a boolean', () => {
    for (const when of ['== 1', '> 0', '!= 0', '== True', '!= False'])
      assert.equal(suggested({ alert_when: when }, { data: false }), 'alert_when: true', when);
    for (const when of ['== 0', '< 1', '!= 1', '== False', '!= True'])
      assert.equal(suggested({ alert_when: when }, { data: true }), 'alert_when: false', when);
  });

  it('quotes a text that looks like a number or a boolean, and works', () => {
    for (const text of ['1', 'true', 'fall seen']) {
      const line = suggested({}, { data: text }) ?? '';
      const { alert_when: when } = parse(line) as { alert_when: string };
      const one = channel({ alert_when: when });
      assert.deepEqual(alerts(one.accept({ data: text }, 0)), ['raised i1'], line);
    }
  });

  it('does not turn a calm text into the alert', () => {
    assert.equal(suggested({}, { data: 'None' }), 'alert_when: "!= None"  # if this text means no danger');
    assert.equal(suggested({}, { data: 'FALL' }), 'alert_when: "== FALL"  # if this text means danger');
  });

  it('is absent if no line can work', () => {
    for (const data of ['say "hi"', 'a\\b', 'two\nlines', [{ x: 1 }], ['a']]) assert.equal(suggested({}, { data }), null, String(data));
  });

  it('does not blame the scale for a value slightly beyond the limit', () => {
    assert.equal(suggested({ unit: 'percent', scale: 100, alert_when: '< 15' }, { data: 1.004 }), null);
  });
});
