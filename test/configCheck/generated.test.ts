// Tests that `config check` accepts every configuration that works, and that no alert works which it calls impossible. The generated
// configurations run through the channel of the agent with decoded messages.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { stringify } from 'yaml';
import type { ChannelConfig } from '../../src/config/index.ts';
import type { NewRow } from '../../src/outbox/index.ts';
import { fieldReader } from '../../src/sensing/field.ts';
import { Channel } from '../../src/sensing/index.ts';
import { checkedFile, checkedText, skip } from './checked.ts';
import { randomPlace, twoValues } from './messages.ts';
import { type WorkingChannel, workingCamera, workingChannel, workingCommand } from './working.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WORKING = 1_000;
const RUNS = 400;
/** A file with several channels is loaded once for all of them. */
const PER_FILE = 8;

/** @returns whether the row raises or clears an alert. */
function alertOf(row: NewRow): string | undefined {
  return 'extra' in row ? row.extra?.alert : undefined;
}

/** Sends danger and then calm, each for long enough. @returns the alerts, and the reason if a message was unusable. */
function driven(config: ChannelConfig, { danger, harmless }: WorkingChannel): readonly unknown[] {
  const channel = new Channel('probe', config);
  const seen: unknown[] = [];
  const note = (rows: readonly NewRow[]) => seen.push(...rows.map(alertOf), channel.unusable?.reason);
  // A second event within clear_after extends the alert.
  const { debounce, hold, clear_after: clearAfter } = config;
  const everyMs = clearAfter === undefined ? debounce + hold + 1 : clearAfter / 2;
  for (const [at, message] of [danger, danger, harmless, harmless].entries()) {
    note(channel.elapse(at * everyMs));
    note(channel.accept(message(), at * everyMs));
  }
  // Only time ends the alert of an event.
  note(channel.elapse(8 * everyMs));
  return seen.filter((each) => each !== undefined);
}

describe('config check on configurations that work', { skip }, () => {
  it(`finds nothing in ${WORKING} generated configurations, whose alerts rise and end`, () => {
    const parts = fc.record({
      channels: fc.array(workingChannel, { minLength: 1, maxLength: 3 }),
      cameras: fc.array(workingCamera, { maxLength: 2 }),
      commands: fc.array(workingCommand, { maxLength: 2 }),
      ros: fc.constantFrom({}, { namespace: '/robot1' }, { remap: { __ns: '/house', '/scan': '/front/scan' } }),
    });
    fc.assert(
      fc.property(parts, ({ channels, cameras, commands, ros }) => {
        const named = <T>(prefix: string, entries: readonly T[]) =>
          Object.fromEntries(entries.map((entry, i) => [`${prefix}_${i}`, entry]));
        const entries = channels.map(({ entry }, i) => ({ topic: `/probe_${i}`, class: 'alert', ...entry }));
        const { findings, loaded } = checkedText(
          stringify({
            ros,
            uploads: { api: 'https://cloud.example' },
            channels: named('probe', entries),
            cameras: named('camera', cameras),
            commands: named(
              'command',
              commands.map(({ entry }) => entry),
            ),
          }),
        );
        assert.deepEqual(findings, []);
        for (const [i, channel] of channels.entries()) {
          const config = loaded.config.channels[`probe_${i}`] ?? assert.fail();
          assert.deepEqual(driven(config, channel), ['raised', 'cleared'], JSON.stringify(channel.entry));
        }
        // The value of the command arrives at the place that its confirmation reads.
        for (const { place, value } of commands) assert.deepEqual(fieldReader(place.field)(place.message(value)), value);
      }),
      { numRuns: WORKING, endOnFailure: true },
    );
  });

  it('finds nothing in a percentage with the inherited scale', () => {
    for (const percent of [1, 2, 10, 15, 20, 50, 85, 99])
      for (const comparison of ['<', '<=', '>', '>='])
        assert.deepEqual(checkedText(`channels: { battery: { class: alert, alert_when: "${comparison} ${percent}" } }\n`).findings, []);
  });

  it('finds nothing in the configurations of this repository', () => {
    const examples = ['config/default.yaml', 'config/robot.example.yaml', 'config/bench.yaml'];
    for (const file of examples) assert.deepEqual(checkedFile(join(ROOT, file)).findings, [], file);
  });

  it('finds nothing in the examples of the documentation', () => {
    const pages = ['docs/guide', 'docs/reference'].flatMap((folder) =>
      readdirSync(join(ROOT, folder))
        .filter((name) => name.endsWith('.md'))
        .map((name) => join(ROOT, folder, name)),
    );
    const examples = pages
      .flatMap((page) => [...readFileSync(page, 'utf8').matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text))
      // The file of ros1_bridge begins with this key.
      .filter((text) => !text.startsWith('topics:'));
    assert.ok(examples.length > 0);
    for (const text of examples) assert.deepEqual(checkedText(text).findings, [], text);
  });
});

const CONDITIONS = ['== 1', '> 300', '< -1', '>= 128', '== 0.5', '!= 0', '== high', '!= "1"', '== true', '< 0.15', '> 1e12'];

describe('config check on configurations that may be wrong', { skip }, () => {
  it('calls no alert impossible that a message can raise', () => {
    const entries = fc.record({
      condition: fc.option(fc.constantFrom(...CONDITIONS), { nil: undefined }),
      scale: fc.constantFrom(1, 100, -0.5),
      min: fc.option(fc.constantFrom(-5, 0, 200), { nil: undefined }),
      unit: fc.option(fc.constantFrom('percent', 'ppm', 'degC'), { nil: undefined }),
    });
    const probes = randomPlace().chain((place) =>
      fc.tuple(fc.constant(place), fc.array(twoValues(place), { minLength: 20, maxLength: 20 }), entries),
    );
    let impossible = 0;
    fc.assert(
      fc.property(fc.array(probes, { minLength: PER_FILE, maxLength: PER_FILE }), (all) => {
        const channels = all.map(([{ type, field }, , { condition, ...rest }], i) => {
          const entry = { topic: `/probe_${i}`, type, field, class: 'alert', ...rest, alert_when: condition };
          return [`probe_${i}`, entry] as const;
        });
        const { findings, loaded } = checkedText(stringify({ channels: Object.fromEntries(channels) }));
        for (const [i, [place, pairs]] of all.entries()) {
          const error = findings.find(({ severity, entry }) => severity === 'error' && entry === `channels.probe_${i}`);
          if (error === undefined) continue;
          impossible++;
          const channel = new Channel('probe', loaded.config.channels[`probe_${i}`] ?? assert.fail());
          for (const value of pairs.flat()) {
            const rows = channel.accept(place.message(value), 1_000);
            const isRaised = rows.some((row) => row.class === 'alert' && row.channel === 'probe' && alertOf(row) === 'raised');
            assert.ok(!isRaised, `${value} raised the alert; ${error.reason}`);
          }
        }
      }),
      { numRuns: RUNS / PER_FILE, endOnFailure: true },
    );
    assert.ok(impossible > RUNS / 10, `${impossible} impossible alerts`);
  });
});
