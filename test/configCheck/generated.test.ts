// Tests that `config check` accepts every configuration that works, and that no alert works which it calls impossible. The generated
// configurations run through the channel of the agent with decoded messages.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { stringify } from 'yaml';
import type { NewRow } from '../../src/outbox/index.ts';
import { Channel } from '../../src/sensing/index.ts';
import { checkedFile, checkedText, skip } from './checked.ts';
import { type Place, randomPlace, twoValues } from './messages.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const RUNS = 400;

type Entry = Record<string, unknown>;

interface Generated {
  readonly place: Place;
  readonly entry: Entry;
  readonly danger: unknown;
  readonly harmless: unknown;
}

/** @returns the reading of a value, by the documented arithmetic of `scale`. */
function readingOf({ reducer }: Place, value: unknown, scale: number): boolean | number | string {
  if (reducer === 'any' || reducer === 'all') return Boolean(value);
  return typeof value === 'number' ? Number((value * scale).toPrecision(12)) : (value as boolean | string);
}

/** @returns whether the row raises or clears an alert. */
function alertOf(row: NewRow): string | undefined {
  return 'extra' in row ? row.extra?.alert : undefined;
}

function conditionFor(danger: boolean | number | string, harmless: boolean | number | string, draw: fc.GeneratorValue): unknown {
  if (typeof danger === 'boolean') return draw(() => fc.constantFrom<unknown>(danger, `== ${danger}`, `!= ${harmless}`));
  if (typeof danger === 'string') return draw(fc.constantFrom, `== "${danger}"`, `!= "${harmless}"`);
  const [operator, opposite] = danger > Number(harmless) ? ['>', '<'] : ['<', '>'];
  return draw(() =>
    fc.constantFrom<unknown>(`== ${danger}`, `!= ${harmless}`, `${operator} ${harmless}`, `${operator}= ${danger}`, {
      raise: `${operator}= ${danger}`,
      clear: `${opposite} ${danger}`,
    }),
  );
}

/** A channel that works by construction: one value of its field raises the alert, another one ends it. */
const working: fc.Arbitrary<Generated> = randomPlace().chain((place) =>
  fc.tuple(twoValues(place), fc.gen()).map(([[danger, harmless], draw]): Generated => {
    const scale = draw(fc.constantFrom, 1, 1, 100, 0.1, -1);
    const [high, low] = [readingOf(place, danger, scale), readingOf(place, harmless, scale)];
    const entry: Entry = { topic: '/a', type: place.type, field: place.field, class: 'alert' };
    if (scale !== 1 || draw(fc.boolean)) entry.scale = scale;
    const isDefault = high === true && draw(fc.boolean);
    if (!isDefault) entry.alert_when = conditionFor(high, low, draw);
    if (typeof high === 'number' && typeof low === 'number') {
      const [least, most] = [Math.min(high, low), Math.max(high, low)];
      if (draw(fc.boolean)) entry.min = least;
      if (draw(fc.boolean)) entry.max = most;
      if (least >= 0 && most <= 100 && draw(fc.boolean)) entry.unit = 'percent';
      if (place.reducer !== 'count' && draw(fc.boolean)) entry.valid = [danger, harmless].map(Number).sort((a, b) => a - b);
    }
    if (typeof entry.alert_when !== 'object' && draw(fc.boolean)) entry.event = true;
    return { place, entry, danger, harmless };
  }),
);

describe('config check on configurations that work', { skip }, () => {
  it(`finds nothing in ${RUNS} generated configurations, whose alerts rise and end`, () => {
    fc.assert(
      fc.property(fc.array(working, { minLength: 1, maxLength: 5 }), (channels) => {
        const entries = Object.fromEntries(channels.map(({ entry }, i) => [`probe_${i}`, { ...entry, topic: `/probe_${i}` }]));
        const { findings, loaded } = checkedText(stringify({ channels: entries }));
        assert.deepEqual(findings, []);
        for (const [i, { place, danger, harmless }] of channels.entries()) {
          const config = loaded.config.channels[`probe_${i}`];
          assert.ok(config);
          const channel = new Channel('probe', config);
          const alerts = (value: unknown, nowMs: number) => channel.accept(place.message(value), nowMs).map(alertOf);
          const [raised, next] = [alerts(danger, 1_000).at(-1), alerts(harmless, 2_000).at(-1)];
          // Only time ends the alert of an event.
          const cleared = config.event ? channel.elapse(100_000).map(alertOf).at(-1) : next;
          assert.deepEqual([raised, cleared], ['raised', 'cleared']);
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });

  it('finds nothing in a percentage with the inherited scale', () => {
    for (let percent = 1; percent < 100; percent++)
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
    const examples = pages.flatMap((page) => [...readFileSync(page, 'utf8').matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text));
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
    let impossible = 0;
    const values = randomPlace().chain((place) =>
      fc.tuple(fc.constant(place), fc.array(twoValues(place), { minLength: 20, maxLength: 20 })),
    );
    fc.assert(
      fc.property(values, entries, ([place, pairs], { condition, ...rest }) => {
        const entry = { topic: '/a', type: place.type, field: place.field, class: 'alert', ...rest, alert_when: condition };
        const { findings, loaded } = checkedText(stringify({ channels: { probe: entry } }));
        if (!findings.some(({ severity }) => severity === 'error')) return;
        impossible++;
        const config = loaded.config.channels.probe;
        assert.ok(config);
        const channel = new Channel('probe', config);
        for (const value of pairs.flat()) {
          const rows = channel.accept(place.message(value), 1_000);
          assert.ok(
            !rows.some((row) => row.class === 'alert' && row.channel === 'probe' && alertOf(row) === 'raised'),
            `${value} raised the alert; ${findings[0]?.reason}`,
          );
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    assert.ok(impossible > RUNS / 10, `${impossible} impossible alerts`);
  });
});
