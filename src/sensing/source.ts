// Reads a channel's value from its messages: a battery in percent, a diagnostic status, or a field. Explains values that cannot be used.
import { AUTO_UNIT, type ChannelConfig } from '../config/index.ts';
import { BatteryReader, type PercentTopics } from './battery.ts';
import { diagnosticReader, type FieldReader, fieldReader } from './field.ts';
import { explain, type Unusable } from './unusable.ts';
import { validReader } from './valid.ts';
import type { Sample } from './value.ts';

type Message = Readonly<Record<string, unknown>>;

export interface Source {
  readonly read: FieldReader;
  /** @param field the content that `read` returned for the message, from which the sample was made. */
  readonly explain: (message: Message, field: unknown, sample: Sample) => Unusable;
  /** @returns how the last message was read; null if that is clear from the configuration. */
  readonly describe: () => string | null;
}

export function sourceOf(config: ChannelConfig, percentTopics: PercentTopics): Source {
  if (config.unit === AUTO_UNIT) {
    const battery = new BatteryReader(config, percentTopics);
    return {
      read: (message) => battery.read(message),
      explain: (message, field, sample) => battery.unusable ?? explain(config, message, field, sample),
      describe: () => battery.description,
    };
  }
  return {
    read: config.diagnostics ? diagnosticReader(config.diagnostics) : fieldReader(config.field, validReader(config)),
    explain: (message, field, sample) => explain(config, message, field, sample),
    describe: () => null,
  };
}
