// Decides whether a message counts that arrives after a newer one of its publisher. Only danger does: an old "no danger" must not end an
// alert that a newer message has raised. Pure.
import type { ChannelConfig } from '../config/index.ts';
import { isAlert } from './condition.ts';
import { ABSENT, NOTHING } from './field.ts';
import { hasNoFields } from './unusable.ts';
import { convert } from './value.ts';

/** @param field the content that the channel's reader took from the message. @returns whether the message meets the alert's condition. */
export function isDanger(config: ChannelConfig, field: unknown, message: Readonly<Record<string, unknown>>): boolean {
  const { alert_when: when, event } = config;
  if (when === undefined || field === NOTHING || field === ABSENT) return false;
  if (field === undefined) return event && hasNoFields(message);
  const { value, infinite } = convert(field, config, undefined);
  return isAlert(when, infinite ?? value, false) === true;
}
