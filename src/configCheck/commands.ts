// Checks a command against the definitions of its message types: the fields of its messages, its confirmation and its conditions. Pure.
import { type CommandConfig, nameIn, publicationsOf } from '../config/index.ts';
import type { Struct } from '../ros/index.ts';
import { written } from './condition.ts';
import { kindOf, nearestField, type ValueKind } from './field.ts';
import type { EntryFindings } from './finding.ts';
import { type Definitions, structOf } from './types.ts';

/** @param kinds the values of each channel whose type is known. */
export function checkCommand(
  command: CommandConfig,
  definitions: Definitions,
  kinds: ReadonlyMap<string, ValueKind>,
  findings: EntryFindings,
): void {
  for (const [i, { type, message }] of publicationsOf(command).entries()) {
    const key = i === 0 ? 'type' : 'also';
    const struct = structOf(type, definitions, findings, key);
    const choices = (argument: string) => command.args[argument]?.choices;
    if (struct) checkMessage(message, struct, '', { choices, findings, type, key: i === 0 ? 'message' : 'also' });
  }
  checkConfirmation(command, definitions, findings);
  for (const { channel, text, ...condition } of command.when) {
    const kind = kinds.get(channel);
    if (kind === undefined || kind.kind === typeof condition.value) continue;
    const reason = `the value of channel ${channel} is a ${kind.kind}, which ${written(condition)} can never match, so this command is never admitted`;
    findings.error(['when'], reason);
  }
}

interface Template {
  /** Returns the parts of the message that an argument may stand for, if it has choices. */
  readonly choices: (argument: string) => Readonly<Record<string, unknown>> | undefined;
  readonly findings: EntryFindings;
  readonly type: string;
  readonly key: string;
}

/** Looks for unknown fields. An argument with `choices` stands for different parts of the message; each of them is checked. */
export function checkMessage(part: unknown, struct: Struct, path: string, template: Template): void {
  const argument = nameIn(part);
  const choices = argument === undefined ? undefined : template.choices(argument);
  for (const choice of Object.values(choices ?? {})) checkMessage(choice, struct, path, template);
  if (part === null || typeof part !== 'object' || Array.isArray(part)) return;
  for (const [name, inner] of Object.entries(part)) {
    const field = struct.fields.find((each) => each.name === name);
    const at = path === '' ? name : `${path}.${name}`;
    if (field === undefined) {
      const better = nearestField(struct, name);
      const hint =
        better === undefined ? `; it has ${struct.fields.map((each) => each.name).join(', ') || 'no fields'}` : `, did you mean ${better}?`;
      template.findings.error([template.key], `${template.type} has no field "${at}"${hint}`);
    } else if (typeof field.type !== 'string') {
      const parts = field.array && Array.isArray(inner) ? inner : [inner];
      for (const element of parts) checkMessage(element, field.type, at, template);
    }
  }
}

function checkConfirmation({ confirm, type }: CommandConfig, definitions: Definitions, findings: EntryFindings): void {
  const confirmType = confirm?.type ?? type;
  if (confirm === undefined || confirmType === undefined) return;
  const known = confirm.type === undefined ? definitions.define(confirmType) : structOf(confirmType, definitions, findings, 'confirm');
  if (known === undefined || 'reason' in known) return;
  const kind = kindOf(known, confirm.field);
  if ('reason' in kind) {
    findings.error(['confirm'], `confirm: ${confirmType}: ${kind.reason}`, { suggestion: kind.suggestion });
    return;
  }
  const { equals } = confirm;
  if (equals === undefined || nameIn(equals) !== undefined || typeof equals === kind.kind) return;
  findings.error(
    ['confirm'],
    `confirm: the value is a ${kind.kind}, which never equals ${JSON.stringify(equals)}, so this command is never confirmed`,
  );
}
