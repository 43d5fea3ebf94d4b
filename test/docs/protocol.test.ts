// Validates the examples in docs/reference/protocol.md, and compares the AsyncAPI document with src/wire.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { deflateSync } from 'node:zlib';
import { ROOT } from '../../scripts/lab/program.ts';
import { asyncApi } from '../../scripts/protocol/asyncapi.ts';
import { topicsOf } from '../../src/wire/index.ts';
import { ASYNCAPI_FILE, AsyncApi } from '../support/asyncapi.ts';

/** The channel of the example in each section of the page. */
const EXAMPLES = {
  'Telemetry and backlog': 'telemetry',
  Presence: 'presence',
  Receipts: 'receipts',
  Commands: 'commands',
} as const;

function exampleOf(section: string): Record<string, unknown> {
  const page = readFileSync(`${ROOT}docs/reference/protocol.md`, 'utf8');
  const [, text = ''] = new RegExp(`\n## ${section}\n[\\s\\S]*?\`\`\`json\n([\\s\\S]*?)\`\`\``).exec(page) ?? [];
  return JSON.parse(text) as Record<string, unknown>;
}

function bytes(message: unknown): Buffer {
  return Buffer.from(JSON.stringify(message));
}

describe('docs/reference', () => {
  const api = new AsyncApi();

  it('has an AsyncAPI document that is generated from src/wire', () => {
    assert.equal(readFileSync(ASYNCAPI_FILE, 'utf8'), asyncApi());
    assert.deepEqual(api.channels, Object.keys(topicsOf('elderly_bot')));
  });

  for (const [section, channel] of Object.entries(EXAMPLES)) {
    it(`shows a valid example under ${section}`, () => {
      assert.equal(api.fault(channel, bytes(exampleOf(section))), null);
    });
  }

  it('has an AsyncAPI document that allows compressed backlog and unknown fields', () => {
    const { state_seq: _seq, gas: _gas, ...backlog } = exampleOf('Telemetry and backlog');
    assert.equal(api.fault('backlog', deflateSync(bytes({ ...backlog, kind: 'backlog', from_a_newer_robot: {} }))), null);
  });

  it('has an AsyncAPI document that refuses invalid messages', () => {
    const telemetry = exampleOf('Telemetry and backlog');
    const receipt = exampleOf('Receipts');
    const wrong: readonly (readonly [channel: string, message: unknown])[] = [
      ['telemetry', { ...telemetry, kind: 'backlog' }],
      ['telemetry', { ...telemetry, readings: [[0, 1, 'gas', true]] }],
      ['telemetry', { ...telemetry, mark: [1] }],
      ['receipts', { ...receipt, to: undefined }],
      ['receipts', { ...receipt, also: Array.from({ length: 201 }, () => [1, 1]) }],
      ['commands', { ...exampleOf('Commands'), id: 'with a space' }],
      ['events', { ...telemetry, seq: 1, at: 1, kind: 'evicted', of: 'a', ranges: [], reason: 'mood' }],
    ];
    for (const [channel, message] of wrong) assert.notEqual(api.fault(channel, bytes(message)), null, JSON.stringify(message));
  });
});
