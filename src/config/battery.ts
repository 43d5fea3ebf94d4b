// The rules for `unit: auto`, with which the agent finds out how a battery counts its charge (src/sensing/battery.ts).
import { BATTERY } from './messageTypes.ts';
import { isTree, type Tree } from './tree.ts';
import { AUTO_UNIT } from './units.ts';
import type { Fault } from './values.ts';

/** The values of `type` that mean a BatteryState. */
const SPELLINGS: readonly unknown[] = [BATTERY, 'sensor_msgs/BatteryState', 'auto'];
const BATTERY_FIELD = 'percentage';

/** The definition of BatteryState has a percentage from 0 to 1. */
export const DEFINED_SCALE = 100;

/** The keys of a channel that the rules concern, as given. The schema sets `field` to `data` if it is not given. */
interface GivenBattery {
  readonly unit?: string | undefined;
  readonly type?: string | undefined;
  readonly field: string;
  readonly scale?: number | undefined;
  readonly diagnostics?: object | undefined;
  readonly full?: number | undefined;
  readonly empty?: number | undefined;
}

export function batteryFaults({ unit, type, field, scale, diagnostics, full, empty }: GivenBattery): Fault[] {
  const faults: Fault[] = [];
  if (unit !== AUTO_UNIT) {
    if (full !== undefined) faults.push([['full'], 'expected only with unit: auto']);
    if (empty !== undefined) faults.push([['empty'], 'expected only with unit: auto']);
    return faults;
  }
  if (scale !== undefined) faults.push([['scale'], 'expected either scale or unit: auto, which finds the scale of the battery']);
  if (diagnostics !== undefined) faults.push([['diagnostics'], 'expected either diagnostics or unit: auto']);
  if (type !== undefined && type !== BATTERY) faults.push([['type'], `expected ${BATTERY} with unit: auto`]);
  if (field !== 'data' && field !== BATTERY_FIELD) faults.push([['field'], `expected ${BATTERY_FIELD} with unit: auto`]);
  if (full !== undefined && empty === undefined) faults.push([['full'], 'expected empty too, the volts of the empty battery']);
  if (empty !== undefined && full === undefined) faults.push([['empty'], 'expected full too, the volts of the full battery']);
  if (full !== undefined && empty !== undefined && empty >= full) faults.push([['empty'], `expected fewer volts than full (${full})`]);
  return faults;
}

/** @returns the keys that `unit: auto` implies. */
export function impliedByAuto(unit: string | undefined): { readonly type: string; readonly field: string } | undefined {
  return unit === AUTO_UNIT ? { type: BATTERY, field: BATTERY_FIELD } : undefined;
}

/**
 * A robot whose file sets the scale, the unit or another source has decided against the inherited `unit: auto`.
 * @param above the layer with the robot's keys.
 * @returns the layers below it. For such a robot they have the defined scale in place of `auto`.
 */
export function withDefinedScale(below: Tree, above: Tree): Tree {
  const { channels } = below;
  if (!isTree(channels) || !isTree(above.channels)) return below;
  const replaced = Object.entries(above.channels).flatMap(([name, entry]) => {
    const inherited = channels[name];
    if (!isTree(entry) || !isTree(inherited) || inherited.unit !== AUTO_UNIT || !isOther(entry)) return [];
    return [[name, { ...inherited, unit: 'percent', scale: DEFINED_SCALE }] as const];
  });
  return { ...below, channels: { ...channels, ...Object.fromEntries(replaced) } };
}

function isOther({ unit, scale, diagnostics, type, field }: Tree): boolean {
  if (unit !== undefined) return unit !== AUTO_UNIT;
  const isOtherType = type !== undefined && !SPELLINGS.includes(type);
  return scale !== undefined || diagnostics !== undefined || isOtherType || (field !== undefined && field !== BATTERY_FIELD);
}
