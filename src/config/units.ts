// Describes the units that have a meaning for the agent. All others are only labels.

interface Limits {
  readonly min?: number;
  readonly max?: number;
}

const PERCENT: Limits = { min: 0, max: 100 };

/** With this unit the agent finds out how a battery counts its charge. The reading is in percent. */
export const AUTO_UNIT = 'auto';

/** Limits implied by the unit. A channel's own `min` and `max` take precedence. */
export const UNIT_LIMITS: Readonly<Record<string, Limits>> = {
  percent: PERCENT,
  '%': PERCENT,
  [AUTO_UNIT]: PERCENT,
  degC: { min: -273.15 },
  degF: { min: -459.67 },
  K: { min: 0 },
  ppm: { min: 0, max: 1_000_000 },
};

/** Whether the unit is one of distance, so that the sensor reports infinity if it sees no obstacle (REP 117). */
export function isDistance(unit: string | undefined): boolean {
  return unit === 'm' || unit === 'cm' || unit === 'mm';
}

export function isPercent(unit: string | undefined): boolean {
  return unit !== undefined && UNIT_LIMITS[unit] === PERCENT;
}
