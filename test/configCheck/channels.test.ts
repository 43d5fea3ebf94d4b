// Tests the findings of `config check` on channels, with the message definitions of this machine: each fault, and that each suggested line
// removes it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { checkedText, findingsOf, skip } from './checked.ts';

interface Fault {
  readonly entry: string;
  readonly name?: string;
  readonly severity?: 'error' | 'warning';
  readonly reason: RegExp;
  readonly suggestion: string | null;
}

const ALERT = 'topic: /a, class: alert';

const FAULTS: Readonly<Record<string, Fault>> = {
  'a mistyped message': {
    entry: 'topic: /a, type: sensor_msgs/Rang, field: range',
    reason: /^package sensor_msgs has no message Rang, did you mean Range\?$/,
    suggestion: 'type: sensor_msgs/msg/Range',
  },
  'a mistyped package': {
    entry: `${ALERT}, type: std_msg/Bool`,
    reason: /^package std_msg is not installed, did you mean std_msgs\?$/,
    suggestion: 'type: std_msgs/msg/Bool',
  },
  'a message of another package': {
    entry: 'topic: /a, type: std_msgs/Temperature, field: temperature',
    reason: /^package std_msgs has no message Temperature, did you mean sensor_msgs\/msg\/Temperature\?$/,
    suggestion: 'type: sensor_msgs/msg/Temperature',
  },
  'an unknown field': {
    entry: 'topic: /a, type: sensor_msgs/BatteryState, field: percent',
    reason: /^sensor_msgs\/msg\/BatteryState: the message has no field "percent"; it has voltage, temperature, /,
    suggestion: 'field: percentage',
  },
  'a field without its objects': {
    entry: 'topic: /a, type: geometry_msgs/PoseStamped, field: position.x',
    reason: /no field "position\.x"/,
    suggestion: 'field: pose.position.x',
  },
  'the default field on a message with another': {
    entry: 'topic: /a, type: sensor_msgs/Range',
    reason: /no field "data"; it has radiation_type, field_of_view, min_range, max_range, range/,
    suggestion: null,
  },
  'a field of an inherited channel after a change of the type': {
    entry: 'type: std_msgs/Float32',
    name: 'temperature',
    reason: /no field "temperature"; it has data/,
    suggestion: 'field: data',
  },
  'a field that is an object': {
    entry: 'topic: /a, type: geometry_msgs/PoseStamped, field: pose',
    reason: /"pose" is an object, not a single value/,
    suggestion: 'field: pose.position.x',
  },
  'a stamp': {
    entry: 'topic: /a, type: sensor_msgs/Range, field: header.stamp',
    reason: /"header\.stamp" is an object/,
    suggestion: 'field: header.stamp.sec',
  },
  'a field that is an array': {
    entry: 'topic: /a, type: sensor_msgs/LaserScan, field: ranges',
    reason: /"ranges" is an array, not a single value/,
    suggestion: 'field: "ranges[*] | max"',
  },
  'a field within an array': {
    entry: 'topic: /a, type: diagnostic_msgs/DiagnosticArray, field: status.level',
    reason: /"status" is an array, so it has no field "level"/,
    suggestion: 'field: "status[*].level | max"',
  },
  'an index of a single value': {
    entry: 'topic: /a, type: std_msgs/Float32, field: "data[0]"',
    reason: /"data" is a single value, not an array/,
    suggestion: 'field: data',
  },
  'an index beyond the end of a fixed array': {
    entry: 'topic: /a, type: sensor_msgs/Imu, field: "orientation_covariance[9]"',
    reason: /"orientation_covariance" has only 9 elements/,
    suggestion: 'field: "orientation_covariance[8]"',
  },
  'a number of texts': {
    entry: 'topic: /a, type: sensor_msgs/JointState, field: "name[*] | max"',
    reason: /"name\[\*\]" is text, of which "max" makes no value/,
    suggestion: 'field: "name[0]"',
  },
  'a message without fields': {
    entry: `${ALERT}, type: std_msgs/Empty`,
    reason: /the message has no fields, so it has no value/,
    suggestion: 'event: true',
  },
  'a Bool that is compared with a number': {
    entry: `${ALERT}, type: std_msgs/Bool, alert_when: "== 1"`,
    reason: /^the value is a boolean \(bool\), which alert_when "== 1" can never match$/,
    suggestion: 'alert_when: true',
  },
  'a Bool that is compared with zero': {
    entry: `${ALERT}, type: std_msgs/Bool, alert_when: "< 1"`,
    reason: /can never match/,
    suggestion: 'alert_when: false',
  },
  'a number that is compared with text': {
    entry: `${ALERT}, type: std_msgs/Int32, alert_when: "== high"`,
    reason: /^the value is a number \(int32\), which alert_when "== high" can never match$/,
    suggestion: 'alert_when: "> N"  # N: the largest harmless value',
  },
  'a number that is compared with a number in quotes': {
    entry: `${ALERT}, type: std_msgs/Int32, alert_when: '== "3"'`,
    reason: /can never match/,
    suggestion: 'alert_when: "== 3"',
  },
  'a text that is ordered': {
    entry: `${ALERT}, type: std_msgs/String, alert_when: "< 3"`,
    reason: /^the value is a string, which alert_when "< 3" can never match$/,
    suggestion: 'alert_when: "== THE TEXT"  # THE TEXT: the text that means danger',
  },
  'a text that is compared with a number': {
    entry: `${ALERT}, type: std_msgs/String, alert_when: "== 1"`,
    reason: /can never match/,
    suggestion: `alert_when: '== "1"'`,
  },
  'an alert on a whole number without a condition': {
    entry: `${ALERT}, type: std_msgs/Int32`,
    reason: /^the value is a number \(int32\), but class: alert without alert_when expects a boolean, so this alert can never be raised$/,
    suggestion: 'alert_when: "== 1"',
  },
  'an alert on a text without a condition': {
    entry: `${ALERT}, type: std_msgs/String`,
    reason: /without alert_when expects a boolean/,
    suggestion: 'alert_when: "== THE TEXT"  # THE TEXT: the text that means danger',
  },
  'a value beyond the type': {
    entry: `${ALERT}, type: std_msgs/UInt8, alert_when: "> 300"`,
    reason: /^the value is a uint8, 0 to 255, so alert_when "> 300" can never hold$/,
    suggestion: 'alert_when: "> N"  # N: a whole number from 0 to 254',
  },
  'a fraction of a whole number': {
    entry: `${ALERT}, type: std_msgs/UInt8, alert_when: "== 0.5"`,
    reason: /^the value is a uint8, a whole number, so alert_when "== 0\.5" can never hold$/,
    suggestion: 'alert_when: "== N"  # N: a whole number from 0 to 255',
  },
  'a number of which the family expects a word': {
    entry: 'type: std_msgs/Float32, alert_when: "> 300"',
    name: 'gas',
    severity: 'warning',
    reason: /^the family sees the number and not Detected, and conditions such as gas == false never hold$/,
    suggestion: 'report: { as: alert }',
  },
  'a level of a status that does not exist': {
    entry: `${ALERT}, diagnostics: { name: motors }, alert_when: "> 300"`,
    reason: /level of a status, 0 to 255/,
    suggestion: 'alert_when: "> N"  # N: a whole number from 0 to 254',
  },
  'a value beyond the unit': {
    entry: `${ALERT}, type: std_msgs/Float32, unit: percent, alert_when: "> 120"`,
    reason: /^values outside 0 to 100 percent are marked bad: range, so alert_when "> 120" can never hold$/,
    suggestion: 'alert_when: "> N"  # N: a number less than 100',
  },
  'a value below the minimum': {
    entry: `${ALERT}, type: std_msgs/Float32, min: 5, alert_when: "< 3"`,
    reason: /^values outside 5 to no maximum are marked bad: range/,
    suggestion: 'alert_when: "< N"  # N: a number greater than 5',
  },
  'a distance beyond the maximum, which only infinity meets': {
    entry: `${ALERT}, type: sensor_msgs/Range, field: range, max: 4, alert_when: "> 4"`,
    severity: 'warning',
    reason: /can never hold, except for a sensor that sees no obstacle$/,
    suggestion: 'alert_when: "> N"  # N: a number less than 4',
  },
  'a condition that every value meets': {
    entry: `${ALERT}, type: std_msgs/UInt8, alert_when: ">= 0"`,
    severity: 'warning',
    reason: /every value meets alert_when ">= 0", so this alert would always stand/,
    suggestion: 'alert_when: "> N"  # N: the largest harmless value',
  },
  'an alert that never ends': {
    entry: `${ALERT}, type: std_msgs/UInt8, alert_when: { raise: "> 60", clear: "< 0" }`,
    severity: 'warning',
    reason: /no value from 0 to 255 can meet clear "< 0", so this alert would never end/,
    suggestion: null,
  },
  'durability without reliability': {
    entry: 'topic: /a, type: std_msgs/Bool, qos: { reliability: best_effort, durability: transient_local }',
    severity: 'warning',
    reason: /^DDS keeps nothing for best_effort with transient_local/,
    suggestion: 'qos: auto',
  },
  'an inherited scale after a change of the type': {
    entry: 'topic: /soc, type: std_msgs/Float32, field: data',
    name: 'battery',
    severity: 'warning',
    reason: /^the field or its type is changed, but the scale is inherited, so a reading is "data" times 100; write the scale that fits$/,
    suggestion: 'scale: 1  # if "data" is already in percent',
  },
  'an inherited scale after a change of the field': {
    entry: 'field: capacity',
    name: 'battery',
    severity: 'warning',
    reason: /a reading is "capacity" times 100/,
    suggestion: 'scale: 1  # if "capacity" is already in percent',
  },
  'a distance below the minimum, which only an obstacle that is too close meets': {
    entry: `${ALERT}, type: sensor_msgs/Range, field: range, min: 0.5, alert_when: "< 0.3"`,
    severity: 'warning',
    reason: /can never hold, except for a sensor that reports an obstacle as too close$/,
    suggestion: 'alert_when: "< N"  # N: a number greater than 0.5',
  },
  'a distance outside valid': {
    entry: `${ALERT}, type: sensor_msgs/LaserScan, field: "ranges[*] | min", valid: [0.2, 8], alert_when: "< 0.1"`,
    severity: 'warning',
    reason: /^numbers outside valid \[0\.2,8\] are left out, so alert_when "< 0\.1" can never hold, except for a sensor that reports/,
    suggestion: 'alert_when: "< N"  # N: a number greater than 0.2',
  },
  'a temperature outside valid': {
    entry: `${ALERT}, type: std_msgs/Float32MultiArray, field: "data[*] | max", valid: [-40, 125], scale: 0.5, alert_when: "> 70"`,
    reason: /^numbers outside valid \[-40,125\] are left out, so alert_when "> 70" can never hold$/,
    suggestion: 'alert_when: "> N"  # N: a number less than 62.5',
  },
  'a whole number beyond 2^53': {
    entry: `${ALERT}, type: std_msgs/Int64, alert_when: "> 9007199254740992"`,
    reason: /^the value is a int64, -9007199254740991 to 9007199254740991, so alert_when "> 9007199254740992" can never hold$/,
    suggestion: 'alert_when: "> N"  # N: a whole number from -9007199254740991 to 9007199254740990',
  },
  'a share on a percentage of unit auto': {
    entry: 'class: alert, alert_when: "< 0.15"',
    name: 'battery',
    severity: 'warning',
    reason: /the reading, which is percent with unit: auto: "< 0\.15" means 0\.15 percent; for 15 percent write 15$/,
    suggestion: 'alert_when: "< 15"',
  },
};

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
