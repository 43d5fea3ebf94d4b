// Tests that no secret reaches the log, in any everyday form, and that the facts which an operator needs do.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { logLine, redactData, redactText } from '../../src/base/index.ts';
import { createLog, LogFile, readLines } from '../../src/logs/index.ts';
import { foreignText } from '../support/foreignText.ts';
import { HARMLESS_FIELDS, HARMLESS_TEXTS, SECRET, SECRET_FIELDS, SECRET_TEXTS } from './forms.ts';

describe('a log line', () => {
  let folder: string;
  const file = new LogFile();
  const log = createLog('info', {}, file);

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-redact-'));
    file.open({ folder, maxBytes: 4_000_000, maxAgeMs: 3_600_000, nowMs: () => Date.now() });
  });
  after(async () => {
    await file.close();
    rmSync(folder, { recursive: true });
  });

  /** @returns the lines that `work` logs. */
  const written = async (work: () => void) => {
    const from = file.end;
    work();
    const lines: string[] = [];
    for await (const { text } of readLines(folder, from)) lines.push(text);
    return lines;
  };

  for (const [form, [text, ...secrets]] of Object.entries(SECRET_TEXTS)) {
    it(`has no secret in the form: ${form}`, async () => {
      const lines = await written(() => {
        log.info(text);
        log.info({ event: 'failed', detail: text, deep: { er: [{ text }] } }, `it failed: ${text}`);
        log.error({ err: new Error(text, { cause: new Error(text) }) }, 'it threw');
        log.error(
          { err: Object.assign(new Error('thrown'), { config: { url: text }, request: text, response: { data: text } }) },
          'a library',
        );
        log.warn({ answer: JSON.stringify({ inner: text }) }, 'quoted twice');
      });
      assert.equal(lines.length, 5);
      for (const line of lines) {
        for (const secret of secrets) assert.ok(!line.includes(secret), line);
        JSON.parse(line);
      }
    });
  }

  for (const [form, fields] of Object.entries(SECRET_FIELDS)) {
    it(`has no secret in the field: ${form}`, async () => {
      const [line = ''] = await written(() => log.info({ event: 'failed', ...fields }, 'it failed'));
      for (const secret of [SECRET, '271828', '104,117,110,116,101,114', '"9":104']) assert.ok(!line.includes(secret), line);
      assert.equal((JSON.parse(line) as { event: string }).event, 'failed');
    });
  }

  it('keeps the texts and fields that an operator needs', async () => {
    const lines = await written(() => {
      for (const text of HARMLESS_TEXTS) log.info({ text }, text);
      log.info(HARMLESS_FIELDS, 'fields');
    });
    const found = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      found.slice(0, -1).map(({ msg }) => msg),
      HARMLESS_TEXTS,
    );
    assert.deepEqual({ ...found.at(-1), ...HARMLESS_FIELDS }, found.at(-1));
  });
});

describe('redaction', () => {
  const around = fc.stringMatching(/^[a-z .]{0,20}$/);
  const form = fc.constantFrom(...Object.values(SECRET_TEXTS));

  it('finds a secret in any text, twice, and deep in any value', () => {
    fc.assert(
      fc.property(form, around, around, ([text, ...secrets], before, after) => {
        const found = [
          redactText(`${before} ${text} ${after}`),
          redactText(`${before} ${text}\n${text}`),
          redactData({ a: [{ b: text }] }),
        ];
        for (const secret of secrets)
          assert.ok(!JSON.stringify(found).includes(JSON.stringify(secret).slice(1, -1)), JSON.stringify(found));
      }),
      { numRuns: 2_000 },
    );
  });

  it('removes the rest of a text whose quote is missing', () => {
    assert.equal(redactText('connect password="hunter2 and mo'), 'connect password="[redacted]');
  });

  it('changes nothing more if it is applied twice, and keeps a line valid JSON', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          foreignText(),
          form.map(([text]) => text),
        ),
        fc.jsonValue(),
        (text, value) => {
          const once = redactText(text);
          assert.equal(redactText(once), once);
          JSON.parse(logLine(`${JSON.stringify({ text, value })}\n`));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('takes linear time: no megabyte of any pattern takes a second', () => {
    const patterns = [
      ...[
        'password=',
        'password="',
        'password="\\',
        "password: '",
        'a-',
        'a.',
        'a',
        '://',
        'a://',
        'http://',
        'http://a:',
        'a://?',
        '@',
        'a@',
        'a@a.',
      ],
      ...[
        'eyJ',
        '-eyJ-',
        'eyJaaaaaaaa.',
        '+1 ',
        '+1',
        '-----BEGIN ',
        '-----BEGIN PRIVATE KEY-----',
        'Bearer ',
        '"',
        '\\"',
        '\\',
        '%3D',
        'token%3D%22',
      ],
      ...[
        'token,',
        'token=a,',
        '--token ',
        '<Buffer',
        '<Buffer aa',
        'cookie: [',
        'MIG',
        'LS0tLS1CRUdJTi',
        'AKIA',
        'A'.repeat(19),
        '"password","',
        ' ',
        '/token',
      ],
      ...Object.values(SECRET_TEXTS).map(([text]) => text),
    ];
    for (const pattern of patterns) {
      const long = pattern.repeat(Math.ceil(1_000_000 / pattern.length));
      const startedMs = performance.now();
      redactText(long);
      redactText(`password=${long}`);
      const tookMs = performance.now() - startedMs;
      // A quadratic expression takes minutes.
      assert.ok(tookMs < 5_000, `${JSON.stringify(pattern)}: ${tookMs} ms`);
    }
  });
});
