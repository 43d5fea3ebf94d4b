// What goes wrong in a simulated house, and when: a line each, such as `5s fall on`, `20s gas mute`, `1m stop`. Pure.
import { AgentError } from '../../errors.ts';

export type Fault = 'on' | 'off' | 'mute' | 'unmute';

export interface Scene {
  readonly atMs: number;
  /** Undefined: the end of the simulation. */
  readonly channel: string | undefined;
  readonly fault: Fault;
}

const LINE = /^(\d+(?:\.\d+)?)(ms|s|m)\s+(?:(stop)|([a-z][a-z0-9_]*)\s+(on|off|mute|unmute))$/;
const UNITS_MS = { ms: 1, s: 1_000, m: 60_000 } as const;

/** @param channels that are simulated. @throws AgentError CONFIG_INVALID with the line */
export function parseScript(text: string, file: string, channels: readonly string[]): Scene[] {
  const scenes = text.split('\n').flatMap((raw, i): Scene[] => {
    const line = raw.replace(/#.*$/, '').trim();
    if (line === '') return [];
    const [, amount, unit, stop, channel, fault] = LINE.exec(line) ?? [];
    if (amount === undefined || unit === undefined)
      throw wrong(file, i, line, 'expected TIME CHANNEL on, off, mute or unmute, or TIME stop');
    if (channel !== undefined && !channels.includes(channel)) throw wrong(file, i, line, `expected one of ${channels.join(', ')}`);
    const atMs = Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS];
    return [{ atMs, channel: stop ? undefined : channel, fault: (fault ?? 'off') as Fault }];
  });
  return scenes.sort((a, b) => a.atMs - b.atMs);
}

function wrong(file: string, index: number, line: string, expected: string): AgentError {
  return new AgentError('CONFIG_INVALID', `${file}:${index + 1}: ${line}: ${expected}`, { remedy: 'such as: 5s fall on' });
}
