// Decides whether a fault of a message may end by itself, so that a sensor that warms up is not reported as soon as a wrong configuration.
// Pure.
import type { ChannelConfig } from '../config/index.ts';
import type { MessageFault } from './faults.ts';
import type { Unusable } from './unusable.ts';
import type { Sample } from './value.ts';

/**
 * A message of another type, or without the field, stays so for ever. These faults depend on the sensor: NaN, a value outside the limits, a
 * list that is too short, and a diagnostic value that is a text such as `N/A`.
 * @param field the content that the channel's reader took from the message.
 */
export function faultOf(config: ChannelConfig, field: unknown, sample: Sample, explain: () => Unusable): MessageFault {
  return { explain, mayEnd: mayEnd(config, field, sample, explain) };
}

function mayEnd(config: ChannelConfig, field: unknown, { bad, infinite }: Sample, explain: () => Unusable): boolean {
  if (bad === 'nan') return infinite === undefined;
  // A suggestion means that the configuration is wrong, such as a percentage that is scaled twice.
  if (bad === 'range') return explain().suggestion === null;
  if (config.diagnostics) return config.diagnostics.key !== undefined;
  return field === undefined && /\[\d/.test(config.field);
}

/** @returns the fault of a reading of which only the record is left, so that there is no message to inspect. */
export function recordedFault({ bad }: Sample): MessageFault {
  return { explain: () => ({ reason: `the reading is marked ${bad}`, raw: null, suggestion: null }), mayEnd: bad !== 'type' };
}
