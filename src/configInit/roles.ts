// The six inherited channels (docs/reference/protocol.md): finds the topic for each of them by its type and the words of its name.
import { BATTERY, BOOL, EMPTY } from '../config/index.ts';
import { type FoundTopic, hasWord, lastWordsOf, wordsOf } from './topic.ts';

/** In the order of the new file. */
export const ROLES = ['gas', 'fire', 'fall', 'stranger', 'battery', 'temperature'] as const;
export type Role = (typeof ROLES)[number];

/** Describes how a channel uses the values of a topic. */
export interface Sensor {
  /** Keys of the channel besides topic and type, as lines of YAML. */
  readonly keys: readonly string[];
  /** Decisions and checks for a person, as sentences. */
  readonly notes: readonly string[];
}

export interface Candidate extends Sensor {
  readonly found: FoundTopic;
  readonly type: string;
  /** Candidates with a lower rank are preferred. */
  readonly rank: number;
}

const STRING = 'std_msgs/msg/String';
const TEMPERATURE = 'sensor_msgs/msg/Temperature';
const NUMBER = /^std_msgs\/msg\/(U?Int(8|16|32|64)|Float(32|64))$/;

export function isNumber(type: string): boolean {
  return NUMBER.test(type);
}

type Detector = Exclude<Role, 'battery' | 'temperature'>;

/** Words of a detector's name, the most specific first. If a name has words of several roles, the first role here counts. */
const DETECTED: readonly (readonly [Detector, readonly ((name: string) => boolean)[]])[] = [
  ['fall', [hasWord('falls?|fallen|fell')]],
  ['fire', [hasWord('fires?|flames?'), hasWord('smoke')]],
  ['gas', [hasWord('gas|gases|lpg|methane|propane|butane|mq\\d+'), hasWord('co|carbon_monoxide')]],
  [
    'stranger',
    [hasWord('strangers?|intruders?|intrusion|burglars?|unknown_(faces?|persons?|people|humans?)'), hasWord('persons?|visitors?')],
  ],
];

/** Words at the end of names that belong to a device beside the detector, and not to what it detects. */
const isNoDetection = hasWord(
  'enabled?|disabled?|cmd|command|ack|acknowledged?|reset|muted?|test|ready|online|connected|heartbeat|alive|valve|request|busy|follow|following|follower|extinguisher|count',
);
const isOfRobot = hasWord('robot');

/** Numbers that a detector's node may publish beside the detection. */
const isMeasurement = hasWord('temperature|temp|humidity|pressure|voltage|current|battery|distance|seconds|time');

/**
 * Parts per million at which a number for gas raises its alert. EN 50291-1 demands that a detector of carbon monoxide warns within three
 * minutes at 300 ppm, and the widespread sensor MQ-2 measures combustible gas from 300 ppm.
 */
const GAS_PPM = { raise: 300, clear: 250 };

/** @returns the role of a topic and how well it suits. Undefined if the topic has no role. */
export function candidateOf(found: FoundTopic): { readonly role: Role; readonly candidate: Candidate } | undefined {
  const [type, other] = found.types;
  if (type === undefined || other !== undefined) return undefined;
  const as = (role: Role, rank: number, sensor: Sensor) => ({ role, candidate: { ...sensor, found, type, rank } });
  const words = wordsOf(found.topic);
  if (type === BATTERY) return as('battery', 0, NOTHING_TO_CHECK);
  const detected = isNumber(type) && isMeasurement(lastWordsOf(found.topic)) ? undefined : detectedBy(found.topic);
  const sensor = detected && detectionOf(detected.role, type, words);
  if (detected && sensor) return as(detected.role, detected.rank + sensor.rank, sensor);
  if (type === TEMPERATURE || (isNumber(type) && isTemperature(words)))
    return as('temperature', temperatureRank(words), type === TEMPERATURE ? NOTHING_TO_CHECK : DEGREES);
  if (isNumber(type) && isCharge(words)) return as('battery', 1, PERCENT);
  return undefined;
}

const NOTHING_TO_CHECK: Sensor = { keys: [], notes: [] };
const DEGREES: Sensor = { keys: ['field: data'], notes: ['Check the unit: it has to be degrees Celsius.'] };
const PERCENT: Sensor = {
  keys: ['field: data', 'scale: 1', 'unit: percent'],
  notes: ['Check the unit: it has to be percent. If the sensor publishes 0 to 1, write scale: 100.'],
};

/** Whether a topic's name says that it detects something, whatever its type is. */
export function detectedBy(topic: string): { readonly role: Detector; readonly rank: number } | undefined {
  const [words, last] = [wordsOf(topic), lastWordsOf(topic)];
  if (isNoDetection(last)) return undefined;
  for (const [role, alternatives] of DETECTED) {
    const rank = alternatives.findIndex((matches) => matches(words));
    if (rank === -1 || (role === 'fall' && isOfRobot(last))) continue;
    return { role, rank: 10 * rank };
  }
  return undefined;
}

/** @returns how values of this type become an alert. Undefined if the type has no such value. */
function detectionOf(role: Detector, type: string, words: string): (Sensor & { readonly rank: number }) | undefined {
  const isEvent = type === EMPTY || (type === BOOL && isOccurrence(words));
  if (type === BOOL || isEvent) {
    const notes = [...(role === 'stranger' && !isStranger(words) ? [EVERY_PERSON] : []), ...(isEvent ? [EVENT_NOTE] : [])];
    return { rank: isEvent ? 1 : 0, keys: isEvent ? EVENT_KEYS : [], notes };
  }
  if (type === STRING) {
    const calm = role === 'gas' ? 'Normal' : 'None';
    const notes = [`Check this text: every text except ${calm} raises the alert.`];
    return { rank: 2, keys: [`alert_when: "!= ${calm}"`], notes };
  }
  if (!isNumber(type)) return undefined;
  const report = 'report: { as: alert }';
  if (role === 'gas' && !/Int8$/.test(type)) {
    const { raise, clear } = GAS_PPM;
    const limit = `alert_when: { raise: "> ${raise}", clear: "< ${clear}" }  # check this limit`;
    const isPpm = hasWord('ppm')(words);
    const unit = isPpm ? [] : ['The name of the topic has no unit. The limit assumes parts per million (ppm).'];
    const notes = [...unit, `Below the limit nobody is warned. ${raise} ppm is a usual limit for carbon monoxide.`];
    return { rank: isPpm ? 3 : 4, keys: [limit, ...(isPpm ? ['unit: ppm'] : []), report], notes };
  }
  const isWhole = /Int/.test(type);
  const notes = [isWhole ? 'Every number above 0 raises the alert.' : 'The limit assumes a probability from 0 to 1.'];
  return { rank: 5, keys: [`alert_when: "> ${isWhole ? 0 : 0.5}"  # check this limit`, report], notes };
}

/** For detectors that report an occurrence and no end. */
export const EVENT_KEYS: readonly string[] = ['event: true', 'clear_after: 30s'];
const EVENT_NOTE = 'Each message is an occurrence. The alert ends 30 s after the last one (docs/guide/sensors.md).';
const isOccurrence = hasWord('events?|trigger|triggered|occurred');

const isStranger = hasWord('strangers?|intruders?|intrusion|burglars?|unknown');
const EVERY_PERSON = 'Check this: if the sensor also sees the person who lives here, set class: telemetry.';

const isTemperature = (words: string) =>
  hasWord('temperature|temp')(words) && !hasWord('kelvin|fahrenheit|set|setpoint|target|limit')(words);
const isCharge = (words: string) => hasWord('battery|batt')(words) && hasWord('percent|percentage|level|soc|charge|capacity')(words);

/** Prefers the temperature of the robot's computer, which the inherited channel stands for. */
function temperatureRank(words: string): number {
  if (hasWord('jetson')(words)) return 0;
  if (hasWord('cpu|soc|gpu|board|core|computer|chip')(words)) return 1;
  return hasWord('room|ambient|air|outside|body|skin|water|motor|battery')(words) ? 3 : 2;
}

/** Sorts the candidates of a role, the best first: by rank, then the shorter topic, then by name. */
export function byRank(a: Candidate, b: Candidate): number {
  const [x, y] = [a.found.topic, b.found.topic];
  return a.rank - b.rank || x.split('/').length - y.split('/').length || x.length - y.length || x.localeCompare(y);
}
