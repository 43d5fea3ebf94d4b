// Reads a diagnostic_msgs/DiagnosticArray: from the status with a given name the level, the message or the value of a key.
import type { ChannelConfig } from '../config/index.ts';
import type { FieldReader } from './path.ts';

interface DiagnosticStatus {
  readonly level?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
  readonly values?: readonly { readonly key?: unknown; readonly value?: unknown }[];
}

/** A message without information for the channel: an array without its status, or a status without its key. */
export const NOTHING = Symbol('nothing');

const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/;

export function diagnosticReader({ name, take, key }: NonNullable<ChannelConfig['diagnostics']>): FieldReader {
  const prefix = name.endsWith('*') ? name.slice(0, -1) : undefined;
  const isSelected = (status: DiagnosticStatus) =>
    typeof status.name === 'string' && (prefix === undefined ? status.name === name : status.name.startsWith(prefix));
  return (message) => {
    const list = Array.isArray(message.status) ? (message.status as DiagnosticStatus[]) : [];
    const worst = list.filter(isSelected).reduce<DiagnosticStatus | undefined>(worse, undefined);
    if (worst === undefined) return NOTHING;
    if (key === undefined) return worst[take ?? 'level'];
    const found = worst.values?.find((pair) => pair.key === key);
    return found === undefined ? NOTHING : plain(found.value);
  };
}

function worse(a: DiagnosticStatus | undefined, b: DiagnosticStatus): DiagnosticStatus {
  return a === undefined || Number(b.level) > Number(a.level) ? b : a;
}

/** Diagnostics are text: restores numbers and booleans in the notation of C++ and Python. */
function plain(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (NUMBER.test(value)) return Number(value);
  const word = value.trim().toLowerCase();
  if (word === 'nan') return Number.NaN;
  return word === 'true' || word === 'false' ? word === 'true' : value;
}
