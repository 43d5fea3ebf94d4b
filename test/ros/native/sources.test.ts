// Compares the table of native functions with the C++ sources of the package. The addon itself does not report its numbers of arguments.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { ARGUMENTS, EXECUTOR_ARGUMENTS } from '../../../src/ros/native/functions.ts';
import { FOLDER, VERSION } from './rclnodejs.ts';

const SOURCES = path.join(FOLDER, 'src');

const text = existsSync(SOURCES)
  ? readdirSync(SOURCES)
      .filter((name) => name.endsWith('.cpp'))
      .map((name) => readFileSync(path.join(SOURCES, name), 'utf8'))
      .join('\n')
  : '';

/** @returns the number of arguments that a C++ function reads: the highest index of `info[...]` in its body, plus one. */
function argumentsRead(name: string): number | undefined {
  const [, body] =
    new RegExp(`^Napi::Value (?:ShadowNode::)?${name}\\(const Napi::CallbackInfo& info\\) \\{$([^]*?)^\\}$`, 'm').exec(text) ?? [];
  if (body === undefined) return undefined;
  return Math.max(0, ...[...body.matchAll(/\binfo\[(\d+)\]/g)].map(([, index]) => Number(index) + 1));
}

const capitalized = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

describe(`the C++ sources of rclnodejs ${VERSION}`, { skip: text === '' && `no sources in ${SOURCES}` }, () => {
  const { ShadowNode: _class, ...functions } = ARGUMENTS;
  for (const [name, expected] of Object.entries({ ...functions, ...EXECUTOR_ARGUMENTS })) {
    test(`${name} reads ${expected} arguments`, () => {
      assert.equal(argumentsRead(capitalized(name)), expected);
    });
  }

  test('the executor reads the lists and the callback by the names that this program uses', () => {
    for (const name of ['_handle', '_subscriptions', '_guards', 'execute']) assert.ok(text.includes(`"${name}"`), name);
  });
});
