// Entries of channels with one fault each, and the finding that `config check` has to report.

interface Fault {
  readonly entry: string;
  readonly name?: string;
  readonly severity?: 'error' | 'warning';
  readonly reason: RegExp;
  readonly suggestion: string | null;
}

export const ALERT = 'topic: /a, class: alert';

export const FAULTS: Readonly<Record<string, Fault>> = {
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
    suggestion: 'alert_when: "> N"  # N: the largest harmless value',
  },
  'diagnostics without a status': {
    entry: `${ALERT}, type: diagnostic_msgs/DiagnosticArray, alert_when: ">= 2"`,
    reason: /^diagnostic_msgs\/msg\/DiagnosticArray: the entry selects no status of the list; /,
    suggestion: 'diagnostics: { name: "*" }',
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
