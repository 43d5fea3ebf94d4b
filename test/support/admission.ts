// Facts for the admission of commands: a robot with a trusted clock on which nothing forbids a command.
import type { AdmissionFacts } from '../../src/commands/admit.ts';

/** The wall time of these facts. */
export const NOW = Date.UTC(2027, 0, 1);

export function admissionFacts(commands: AdmissionFacts['commands'], over: Partial<AdmissionFacts> = {}): AdmissionFacts {
  return {
    thing: 'bot',
    clock: { wallMs: NOW, trusted: true, connectedAtMs: NOW - 60_000 },
    commands,
    known: () => false,
    recent: () => 0,
    latestValue: () => undefined,
    moving: undefined,
    noMotion: undefined,
    familyKeys: () => ({ keys: [], damage: undefined }),
    unable: () => undefined,
    flooded: false,
    stopping: false,
    unrecordable: undefined,
    completeForMs: undefined,
    ...over,
  };
}
