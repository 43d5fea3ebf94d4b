// Tests the findings of `config check` on channels, with the message definitions of this machine: each fault, and that each suggested line
// removes it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { ALERT, FAULTS } from './channelFaults.ts';
import { checkedText, findingsOf, skip } from './checked.ts';

describe('config check on a channel', { skip }, () => {
  for (const [title, { entry, name = 'probe', severity = 'error', reason, suggestion }] of Object.entries(FAULTS)) {
    it(`finds ${title}`, () => {
      const [finding, ...others] = findingsOf(entry, name);
      assert.ok(finding, 'a finding is expected');
      assert.deepEqual(others, []);
      assert.match(finding.reason, reason);
      assert.deepEqual([finding.severity, finding.suggestion], [severity, suggestion]);
    });

    const isComplete = suggestion !== null && !suggestion.includes('#') && !suggestion.startsWith('type:');
    if (isComplete)
      it(`suggests a line that works for ${title}`, () => {
        const given = parse(`{ ${entry} }`) as Record<string, unknown>;
        const corrected = JSON.stringify({ ...given, ...(parse(suggestion) as object) }).slice(1, -1);
        assert.deepEqual(findingsOf(corrected, name), []);
      });
  }

  it('names the command that installs a package', () => {
    const [finding] = findingsOf(`${ALERT}, type: home_msgs/Door`);
    assert.equal(finding?.severity, 'warning', 'the configuration may be meant for another machine');
    assert.match(finding?.reason ?? '', /^not checked, because package home_msgs of the type home_msgs\/msg\/Door is not installed here; /);
    assert.match(finding?.command ?? '', /-m pip install --no-deps ros-home-msgs$|^sudo apt install ros-[a-z]+-home-msgs$/);
  });

  it('accepts a scale that is written beside the changed field', () => {
    for (const entry of ['type: std_msgs/Float32, field: data, scale: 1', 'field: capacity, scale: 100', 'field: percentage', 'type: auto'])
      assert.deepEqual(findingsOf(entry, 'battery'), [], entry);
  });

  it('finds nothing in events without a value, nor in a condition on them that every value meets', () => {
    for (const entry of [
      `${ALERT}, type: std_msgs/Empty, event: true, clear_after: 1m`,
      `${ALERT}, type: std_msgs/Header, field: stamp.sec, alert_when: ">= 0", event: true`,
      `${ALERT}, type: std_msgs/UInt8, alert_when: ">= 0", event: true`,
    ])
      assert.deepEqual(findingsOf(entry), [], entry);
  });

  it('points to the key that the file contains', () => {
    const { findings, loaded } = checkedText(
      'channels:\n  gas:\n    topic: /g\n    alert_when: "== 1"\n  temperature:\n    type: std_msgs/Float32\n',
    );
    assert.deepEqual(
      findings.map(({ path }) => loaded.place(path).replace(/.*robot\.yaml/, '')),
      [':4:5', ':6:5'],
    );
  });

  it('finds a topic that two entries use with different types, by its final name', () => {
    const yaml = `ros: { namespace: /home, remap: { /doors: /home/door } }
channels:
  door: { topic: door, type: std_msgs/Bool }
  lock: { topic: /doors, type: std_msgs/Int32 }
  bolt: { topic: door, type: auto }
  hatch: { topic: door, type: std_msgs/msg/Bool }
commands:
  open: { topic: /home/door, type: std_msgs/String, message: { data: x } }
`;
    const { findings } = checkedText(yaml, null);
    assert.deepEqual(
      findings.map(({ severity, path, reason }) => [severity, path.join('.'), reason]),
      [
        ['channels.lock', 'std_msgs/msg/Int32'],
        ['commands.open', 'std_msgs/msg/String'],
      ].map(([entry, type]) => [
        'error',
        `${entry}.type`,
        `/home/door has the type ${type} here, but std_msgs/msg/Bool in channels.door: correct a topic or a type`,
      ]),
    );
  });

  it('lists a channel of type auto as unchecked', () => {
    const { findings, unchecked } = checkedText('channels: { door: { topic: /door, class: alert } }\n');
    assert.deepEqual([findings, unchecked.map(({ entry }) => entry)], [[], ['channels.door']]);
  });
});

describe('config check without message definitions', () => {
  it('warns of uplinks that are all metered only because of their names', () => {
    const findings = (uplinks: string) => checkedText(`mqtt: { uplinks: ${uplinks} }\n`, null).findings;
    const [found, ...others] = findings('[wwan0, ppp0]');
    assert.deepEqual(others, []);
    assert.match(found?.reason ?? '', /^each network interface of mqtt\.uplinks is metered, so no reading, event or picture ever leaves/);
    const suggestion = 'uplinks: [{interface: wwan0, metered: false}, {interface: ppp0, metered: false}]';
    assert.deepEqual([found?.severity, found?.path, found?.suggestion], ['warning', ['mqtt', 'uplinks'], suggestion]);
    for (const right of ['[]', '[wlan0, wwan0]', '[{interface: wwan0, metered: true}]', '[{interface: wwan0, metered: false}]'])
      assert.deepEqual(findings(right), []);
  });

  it('still finds conditions outside the limits and missing files', () => {
    const yaml = `mqtt: { root_ca: /none/ca.pem, cert_file: /none/crt.pem, private_key: /none/key.pem }
provisioning: { template: fleet, claim_cert: /none/claim.pem, claim_key: /none/claim.key }
channels: { load: { topic: /load, class: alert, unit: percent, alert_when: "> 120" } }
`;
    const { findings } = checkedText(yaml, null, () => false);
    assert.deepEqual(
      findings.map(({ severity, path }) => `${severity} ${path.join('.')}`),
      [
        'error channels.load.alert_when',
        'warning mqtt.root_ca',
        'warning mqtt.cert_file',
        'warning mqtt.private_key',
        'warning provisioning.claim_cert',
        'warning provisioning.claim_key',
      ],
    );
    assert.match(findings[1]?.reason ?? '', /^root_ca is \/none\/ca\.pem, which does not exist, so the agent will not start/);
  });

  it('finds nothing in a type, because nothing is known', () => {
    assert.deepEqual(checkedText('channels: { door: { topic: /door, type: home_msgs/Door } }\n', null).findings, []);
  });
});
