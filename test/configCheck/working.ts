// Generates entries of a configuration that work by construction: alert channels, cameras and commands.
import fc from 'fast-check';
import { codecs } from '../../src/ros/codec.ts';
import { amentPrefixes } from '../../src/ros/install.ts';
import { installedDefinitions } from '../../src/ros/installed.ts';
import { type Place, randomPlace, scalarValue, twoValues } from './messages.ts';

export type Entry = Record<string, unknown>;
type Message = Readonly<Record<string, unknown>>;
type Value = boolean | number | string;

/** A channel of which one message raises the alert, and the other one ends it. */
export interface WorkingChannel {
  readonly entry: Entry;
  readonly danger: () => Message;
  readonly harmless: () => Message;
}

const codecOf = codecs(installedDefinitions(amentPrefixes()));

/** @returns the reading of a value, by the documented arithmetic of `scale`. */
function readingOf(value: unknown, scale: number): Value {
  return typeof value === 'number' ? Number((value * scale).toPrecision(12)) : (value as boolean | string);
}

function conditionFor(danger: Value, harmless: Value, draw: fc.GeneratorValue): unknown {
  if (typeof danger === 'boolean') return draw(() => fc.constantFrom<unknown>(danger, `== ${danger}`, `!= ${harmless}`));
  if (typeof danger === 'string') {
    const isDanger = `== "${danger}"`;
    return draw(() => fc.constantFrom<unknown>(isDanger, `!= "${harmless}"`, { raise: isDanger, clear: `== "${harmless}"` }));
  }
  const [operator, opposite] = danger > Number(harmless) ? ['>', '<'] : ['<', '>'];
  return draw(() =>
    fc.constantFrom<unknown>(
      ...[`== ${danger}`, `!= ${harmless}`, `${operator} ${harmless}`, `${operator}= ${danger}`],
      { raise: `${operator}= ${danger}`, clear: `${opposite} ${danger}` },
      { raise: `${operator} ${harmless}`, clear: `${opposite}= ${harmless}` },
    ),
  );
}

const reports = fc.record(
  {
    on: fc.constantFrom('change', 'message'),
    at_most_every: fc.constantFrom('10ms', '1m'),
    at_least_every: fc.constantFrom('1s', '1h'),
    deadband: fc.constantFrom(0.5, 10, '5%'),
    as: fc.constantFrom('value', 'alert'),
  },
  { requiredKeys: [] },
);
const qualities = fc.constantFrom('auto', 'default', 'sensor_data', 'latched', { reliability: 'best_effort', depth: 5 });

/** Adds keys that concern time and delivery, and do not change which messages raise the alert. */
function withTiming(entry: Entry, draw: fc.GeneratorValue): Entry {
  const timed: Entry = { ...entry };
  if (draw(fc.boolean)) timed.report = draw(() => reports);
  if (draw(fc.boolean)) timed.qos = draw(() => qualities);
  if (draw(fc.boolean)) timed.max_silence = '1h';
  const hasClear = typeof entry.alert_when === 'object';
  if (!hasClear && draw(fc.boolean)) return { ...timed, event: true, clear_after: draw(fc.constantFrom, '1s', '30s') };
  if (draw(fc.boolean)) timed.debounce = draw(fc.constantFrom, '0s', '200ms', '3s');
  if (draw(fc.boolean)) timed.hold = draw(fc.constantFrom, '0s', '200ms', '3s');
  return timed;
}

/** A value at a random place of a random message. */
const fieldChannel: fc.Arbitrary<WorkingChannel> = randomPlace().chain((place) =>
  fc.tuple(twoValues(place), fc.gen()).map(([[danger, harmless], draw]) => {
    const scale = draw(fc.constantFrom, 1, 1, 100, 0.1, -1);
    const isLogic = place.reducer === 'any' || place.reducer === 'all';
    const [high, low] = [danger, harmless].map((value) => (isLogic ? Boolean(value) : readingOf(value, scale))) as [Value, Value];
    const entry: Entry = { type: place.type, field: place.field };
    if (scale !== 1 || draw(fc.boolean)) entry.scale = scale;
    const isDefault = high === true && draw(fc.boolean);
    if (!isDefault) entry.alert_when = conditionFor(high, low, draw);
    if (typeof high === 'number' && typeof low === 'number') Object.assign(entry, limitsAround(high, low, draw));
    if (typeof high === 'number' && place.reducer !== 'count' && draw(fc.boolean))
      entry.valid = [danger, harmless].map(Number).sort((a, b) => a - b);
    return { entry: withTiming(entry, draw), danger: () => place.message(danger), harmless: () => place.message(harmless) };
  }),
);

function limitsAround(high: number, low: number, draw: fc.GeneratorValue): Entry {
  const [least, most] = [Math.min(high, low), Math.max(high, low)];
  return {
    ...(draw(fc.boolean) ? { min: least } : {}),
    ...(draw(fc.boolean) ? { max: most } : {}),
    ...(least >= 0 && most <= 100 && draw(fc.boolean) ? { unit: 'percent' } : {}),
  };
}

const TEXTS = ['OK', 'no data', 'FAULT', 'on', 'auto mode'];

/** The parts of a status that a channel can read, each with values as its node writes them. */
const READ = {
  level: { values: [0, 1, 2, 3], take: { take: 'level' } },
  message: { values: TEXTS, take: { take: 'message' } },
  number: { values: [52.5, -4, 0, 91, 1e3], take: { key: 'reading' } },
  boolean: { values: [true, false], take: { key: 'reading' } },
  text: { values: TEXTS, take: { key: 'reading' } },
} as const;

/** A status within the diagnostics of several nodes. */
const diagnosticChannel: fc.Arbitrary<WorkingChannel> = fc.gen().map((draw) => {
  const name = draw(fc.constantFrom, 'motors', 'motors: left', '/Sensors/Lidar', 'CPU Monitor');
  const part = draw(fc.constantFrom, ...(Object.keys(READ) as (keyof typeof READ)[]));
  const { values, take } = READ[part as keyof typeof READ];
  const [danger, harmless] = draw(() => fc.uniqueArray(fc.constantFrom<Value>(...values), { minLength: 2, maxLength: 2 })) as [
    Value,
    Value,
  ];
  const { encode, decode } = codecOf('diagnostic_msgs/msg/DiagnosticArray');
  const message = (value: Value) => {
    const pair = { key: 'reading', value: typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value) };
    const own = {
      name,
      level: part === 'level' ? value : 0,
      message: part === 'message' ? value : '',
      values: [{ key: 'id', value: '7' }, pair],
    };
    return decode(encode({ status: [{ name: 'another node', level: 3 }, own] }));
  };
  const diagnostics = { name: draw(fc.boolean) ? `${name.slice(0, 4)}*` : name, ...take };
  const entry = withTiming({ diagnostics, alert_when: conditionFor(danger, harmless, draw) }, draw);
  return { entry, danger: () => message(danger), harmless: () => message(harmless) };
});

/** A battery by its definition, in percent. */
const batteryChannel: fc.Arbitrary<WorkingChannel> = fc.gen().map((draw) => {
  const [low, high] = [draw(fc.integer, { min: 3, max: 29 }), draw(fc.integer, { min: 40, max: 100 })];
  const { encode, decode } = codecOf('sensor_msgs/msg/BatteryState');
  const message = (percent: number) => decode(encode({ percentage: percent / 100 }));
  const range = draw(() => fc.constantFrom<Entry>({ unit: 'auto' }, { scale: 100, unit: 'percent' }, { scale: 100 }));
  const condition = draw(() => fc.constantFrom<unknown>('< 30', '<= 30', { raise: '< 30', clear: '> 35' }));
  const entry = { type: 'sensor_msgs/BatteryState', field: 'percentage', ...range, alert_when: condition };
  return { entry: withTiming(entry, draw), danger: () => message(low), harmless: () => message(high) };
});

export const workingChannel: fc.Arbitrary<WorkingChannel> = fc.oneof(
  { weight: 6, arbitrary: fieldChannel },
  { weight: 2, arbitrary: diagnosticChannel },
  { weight: 1, arbitrary: batteryChannel },
);

const ZONES = [{ x: 0.5, y: 0, width: 0.5, height: 1 }];

export const workingCamera: fc.Arbitrary<Entry> = fc
  .tuple(
    fc.constantFrom<Entry>(
      { topic: '/cam/image_raw', type: 'sensor_msgs/Image' },
      { topic: 'cam/image_raw/compressed', type: 'sensor_msgs/msg/CompressedImage' },
      { topic: '~/image', type: 'auto' },
      { topic: '/usb_cam/image' },
    ),
    fc.constantFrom<Entry>({}, { privacy_topic: '/privacy' }, { privacy_topic: 'privacy', privacy_allows: ['fire', 'fall'] }),
    fc.record(
      {
        rate: fc.constantFrom(0.1, 5),
        width: fc.constantFrom(64, 1920),
        ring: fc.constantFrom('1s', '60s'),
        zones: fc.constantFrom([], ZONES),
        schedule: fc.constant('0 8 * * *'),
      },
      { requiredKeys: [] },
    ),
  )
  .map((parts) => Object.assign({}, ...parts) as Entry);

/** A command whose argument sets the value at a place of a message, and whose confirmation reads it there. */
export interface WorkingCommand {
  readonly entry: Entry;
  readonly place: Place;
  readonly value: unknown;
}

const ARGUMENTS: Readonly<Record<string, string>> = { bool: 'boolean', string: 'string', float32: 'number', float64: 'number' };
const isSettable = ({ field, type }: Place) => !field.includes('[') && !/\/Twist/.test(type);

export const workingCommand: fc.Arbitrary<WorkingCommand> = randomPlace(isSettable).chain((place) =>
  fc.tuple(scalarValue(place.scalar), fc.stringMatching(/^[a-z]{12}$/), fc.gen()).map(([value, name, draw]) => {
    const message = place.field.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), '$value');
    const entry: Entry = { topic: `/${name}`, type: place.type, message, args: { value: { type: ARGUMENTS[place.scalar] ?? 'integer' } } };
    if (draw(fc.boolean))
      entry.confirm = {
        topic: `/${name}/state`,
        field: place.field,
        ...draw(() => fc.constantFrom<Entry>({ equals: value }, { changes: true })),
      };
    if (draw(fc.boolean)) entry.also = [{ topic: '/siren', type: 'std_msgs/Bool', message: { data: true } }];
    if (draw(fc.boolean)) entry.when = draw(() => fc.subarray(['fall == false', 'battery > 15', 'temperature <= 60.5']));
    return { entry, place, value };
  }),
);
