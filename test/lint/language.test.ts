// Plants each fault that the language check has to report, and plain text that it has to accept.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check } from '../../scripts/language/check.ts';
import { passagesOf } from '../../scripts/language/extract.ts';
import { RULES } from '../../scripts/language/list.ts';

const found = async (file: string, source: string): Promise<string[]> =>
  (await check([{ file, source }])).map(({ line, found: words, advice }) => `${line} ${words.split(' ')[0]}: ${advice.split(':')[0]}`);

/** One fault for each rule, in the order of RULES. */
const FAULTS: readonly string[] = [
  'What the broker acknowledged is removed.',
  'A row stays where no receipt came.',
  'The session begins anew.',
  'It stops for want of memory.',
  'A key that is none is refused.',
  'The alert goes to whoever asks.',
  'The topic has nobody behind it.',
  'It ends in the midst of a page.',
  'The other rows leave as ever.',
  'The agent lives with it alone.',
  'The second robot is meant.',
  'All rows leave but for the last.',
  'The family is told by a message.',
  'Twelve are sent, of more the first.',
  'The ledger lets go of the row.',
  'Telemetry gives way to alerts.',
  'The file has no room left.',
  'The house has two processes.',
  'Every module has a door.',
  'The linter holds the walls.',
];

describe('the language check', () => {
  it('has one planted fault for each rule', () => {
    assert.equal(FAULTS.length, RULES.length);
  });

  for (const [i, { why }] of RULES.entries()) {
    const text = FAULTS[i] ?? '';
    it(`reports "${text}"`, async () => {
      for (const [file, source, line] of [
        ['docs/x.md', `# Title\n\n${text}\n`, 3],
        ['src/x.ts', `\n// ${text}\nexport const x = 1;\n`, 2],
        ['src/x.ts', `export const x = 1;\n/**\n * ${text}\n */\n`, 3],
        ['src/x.ts', `export const x = \`\${1} text: ${text}\`;\n`.replace('text: ', i === 0 ? 'ends. ' : 'text: '), 1],
        ['test/x.test.ts', `it('${text}', () => undefined);\n`, 1],
        ['config/x.yaml', `key: 1\n# ${text}\n`, 2],
      ] as const) {
        const faults = await found(file, source);
        assert.equal(faults.length, 1, `${source}${faults.join('\n')}`);
        assert.ok(faults[0]?.startsWith(`${line} `) && faults[0].endsWith(why.split(':')[0] ?? ''), `${source}${faults[0]}`);
      }
    });
  }

  it('reports a spelling mistake in a comment, a string, a title and a page', async () => {
    for (const [file, source] of [
      ['src/x.ts', '// The reciept is late.\n'],
      ['src/x.ts', "export const x = 'the reciept is late';\n"],
      ['test/x.test.ts', "describe.skip('the reciept is late', () => undefined);\n"],
      ['docs/x.md', 'The reciept is late.\n'],
    ] as const)
      assert.deepEqual(await found(file, source), ['1 reciept: unknown word'], source);
  });

  it('finds a phrase across a line break', async () => {
    assert.deepEqual(await found('src/x.ts', '// It stops for\n// want of memory.\n'), ['1 for: archaic']);
  });

  it('accepts real questions, places, code, SQL, URLs and the data of tests', async () => {
    for (const [file, source] of [
      ['docs/x.md', '## What survives a power cut?\n\nThe folder where logs are kept, and `where x is none`.\n\n```\nanew\n```\n'],
      ['src/x.ts', "export const q = 'select seq from rows where class = 1 and anew';\n"],
      ['src/x.ts', "export const room = 'house';\n// See https://example.org/anew/reciept.\n"],
      [
        'src/x.ts',
        `export const p = /['"\`]/; // A quote.\nexport const t = \`\${[1].map((n) => \`\${n} rows are sent\`).join()} done\`;\n`,
      ],
      ['test/x.test.ts', "const text = 'the door is of this house';\n"],
    ] as const)
      assert.deepEqual(await found(file, source), [], source);
  });

  it('reads the comments behind a regular expression and a template', () => {
    const source = `const a = /'/;\nconst b = \`\${\`'\`}\`; // The one comment.\n`;
    assert.deepEqual(
      passagesOf('src/x.ts', source).map(({ line, text }) => `${line}${text}`),
      ['2¶ The one comment.'],
    );
  });
});
