// Describes the channel for a topic without a role: for each known message type, the lines of YAML that turn a message into one value.
import { BATTERY, BOOL, DIAGNOSTICS, EMPTY } from '../config/index.ts';
import { EVENT_KEYS, isNumber, type Sensor } from './roles.ts';
import { type FoundTopic, hasWord, wordsOf } from './topic.ts';

const VALUES: Readonly<Record<string, readonly string[]>> = {
  [BATTERY]: ['unit: auto'],
  'sensor_msgs/msg/Temperature': ['field: temperature', 'unit: degC', 'min: -40', 'max: 150'],
  'sensor_msgs/msg/RelativeHumidity': ['field: relative_humidity', 'scale: 100', 'unit: percent', 'min: 0', 'max: 100'],
  'sensor_msgs/msg/Illuminance': ['field: illuminance', 'unit: lx', 'min: 0'],
  'sensor_msgs/msg/FluidPressure': ['field: fluid_pressure', 'unit: Pa', 'min: 0'],
  'sensor_msgs/msg/Range': ['field: range', 'unit: m', 'min: 0'],
  'sensor_msgs/msg/LaserScan': ['field: "ranges[*] | min"', 'unit: m', 'min: 0'],
  // The worst status of all. The family could do nothing about an error of the hardware, so it is no alert.
  [DIAGNOSTICS]: ['diagnostics: { name: "*" }'],
};

/** Words of a Bool that means danger if it is true. */
const isDanger = hasWord(
  'detected|detection|alarm|alert|danger|warning|emergency|sos|help|panic|leak|leakage|flood|smoke|fire|gas|fall|intrusion|intruder|glass|scream|cry|hazard',
);

const REPORT = 'on: change, at_least_every: 60s';
/** Sensors publish faster than anybody reads: a scan ten times a second. */
const SLOWLY = 'at_most_every: 10s';

const ALERT: Sensor = {
  keys: ['class: alert', `report: { ${REPORT} }`],
  notes: ['The value true raises an alert, which is sent at once. If this is not an alert, set class: telemetry.'],
};

const EVENT: Sensor = {
  keys: ['class: alert', ...EVENT_KEYS],
  notes: ['Each message raises an alert, which is sent at once and ends 30 s after the last one.'],
};

/** @returns undefined if a person has to choose a field of the message. */
export function sensorOf({ topic, types }: FoundTopic): Sensor | undefined {
  const [type, other] = types;
  if (type === undefined || other !== undefined) return undefined;
  if (type === BOOL) return ofBool(topic);
  if (type === EMPTY) return isDanger(wordsOf(topic)) ? EVENT : undefined;
  if (type === 'std_msgs/msg/String') return { keys: [`report: { ${REPORT}, ${SLOWLY} }`], notes: [] };
  const keys = VALUES[type] ?? (isNumber(type) ? [] : undefined);
  return (
    keys && {
      keys: [...keys, `report: { ${REPORT}, ${SLOWLY}${keys[0]?.startsWith('diagnostics') ? '' : ', deadband: "1%"'} }`],
      notes: [],
    }
  );
}

/** @returns the channel of a further detector beside the one with the role. Undefined if its type does not say whether it detects. */
export function detectorOf({ types: [type] }: FoundTopic): Sensor | undefined {
  if (type === EMPTY) return EVENT;
  return type === BOOL ? ALERT : undefined;
}

function ofBool(topic: string): Sensor {
  if (isDanger(wordsOf(topic))) return ALERT;
  return { keys: [`report: { ${REPORT} }`], notes: ['If true is a danger, set class: alert, and the family is warned.'] };
}
