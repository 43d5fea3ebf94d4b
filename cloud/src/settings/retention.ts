// RETENTION: how many days each table keeps its rows.
import type { RowTable } from '../messages/index.ts';

const MAX_DAYS = 36_500;

export type RetainedTable = RowTable | 'commands' | 'poison_messages' | 'system_health' | 'safety_monitor';

/** Days; null: for ever. */
export type Retention = Readonly<Record<RetainedTable, number | null>>;

export const DEFAULT_RETENTION: Retention = {
  readings: 90,
  results: 365,
  events: 365,
  commands: 365,
  poison_messages: 90,
  system_health: null,
  safety_monitor: null,
};

/** From `readings=90d,events=forever`: what is not named keeps its default. @returns what is wrong, as text. */
export function retentionFrom(text: string): Retention | string {
  const retention: Record<string, number | null> = { ...DEFAULT_RETENTION };
  for (const part of text.split(',').filter((each) => each.trim() !== '')) {
    const [table = '', time = ''] = part.split('=').map((word) => word.trim());
    if (!Object.hasOwn(DEFAULT_RETENTION, table)) return `${table}: expected one of ${Object.keys(DEFAULT_RETENTION).join(', ')}`;
    const days = Number(/^([1-9]\d{0,4})d$/.exec(time)?.[1]);
    if (time !== 'forever' && !(days <= MAX_DAYS)) return `${part.trim()}: expected days, such as ${table}=90d, or ${table}=forever`;
    retention[table] = time === 'forever' ? null : days;
  }
  return retention as Retention;
}
