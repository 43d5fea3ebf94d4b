// Checks the reflex against the definitions of its message types. Pure. Its messages have no arguments, so each is encoded as a whole: a
// message that cannot be published must be found before an emergency.
import { announcementsOf, type ReflexConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { compileEncoder, type RosMessage } from '../ros/index.ts';
import { checkMessage } from './commands.ts';
import type { EntryFindings } from './finding.ts';
import { type Definitions, structOf } from './types.ts';

export function checkReflex(reflex: ReflexConfig, definitions: Definitions, findings: EntryFindings): void {
  for (const [i, { type, message, message_confirmed, message_cleared }] of announcementsOf(reflex).entries()) {
    const at = (key: string) => (i === 0 ? key : 'also');
    const struct = structOf(type, definitions, findings, at('type'));
    if (struct === undefined) continue;
    const encode = compileEncoder(struct);
    for (const [key, given] of Object.entries({ message, message_confirmed, message_cleared })) {
      if (given === undefined) continue;
      const found = findings.list.length;
      checkMessage(given, struct, '', { choices: () => undefined, findings, type, key: at(key) });
      if (findings.list.length > found) continue;
      try {
        encode(given as RosMessage);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        findings.error([at(key)], error.message);
      }
    }
  }
}
