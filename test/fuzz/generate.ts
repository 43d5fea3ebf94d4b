// Generates messages: valid commands, and their mutations by hostile senders and bad networks.
import fc from 'fast-check';
import { DEVICES, type Device, WAYS, type Way, withSignature } from './signers.ts';

export interface Draft {
  /** If set, the draft repeats an earlier message unchanged. The number counts backwards. */
  readonly again: number | undefined;
  readonly json: (nowMs: number, id: string) => string;
  readonly damage: readonly Damage[];
  readonly retained: boolean;
  readonly expiryMs: number | undefined;
}

type Damage =
  | { readonly kind: 'flip'; readonly at: number; readonly by: number }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array };

export type Step =
  | { readonly do: 'send'; readonly drafts: readonly Draft[] }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'clock'; readonly trusted: boolean }
  | { readonly do: 'sense'; readonly battery: number | undefined; readonly fall: boolean | undefined }
  | { readonly do: 'confirm'; readonly value: unknown }
  | { readonly do: 'pair'; readonly devices: readonly Device[]; readonly isDamaged: boolean }
  | { readonly do: 'link_lost' }
  | { readonly do: 'restart' };

const ARGUMENTS = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('{"value":true}', '{"value":"hello"}', '{"level":0.5}', '{"linear":0.1}', '{"place":"bed"}') },
  { weight: 2, arbitrary: fc.constantFrom('{"linear":1e9,"angular":-7}', '{"level":-1}', '{"duration_ms":100000}', '{}', '[]', 'null') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '{"level":1e999}',
      '{"level":-0}',
      '{"linear":"0.1"}',
      '{"linear":null}',
      '{"place":"__proto__"}',
      '{"place":"constructor"}',
      '{"value":"\\u0000"}',
      '{"value":"\\ud800"}',
      '{"linear":0.1,"__proto__":{"x":1}}',
      '{"__proto__":null,"level":0.5}',
      '{"linear":0.1,"linear":9}',
      '{"level":0.5,"steps":1.5}',
      '{"level":0.5,"steps":99}',
      '{"linear":NaN}',
      `{"value":${'['.repeat(3_000)}${']'.repeat(3_000)}}`,
      `{"value":"${'x'.repeat(9_000)}"}`,
    ),
  },
  { weight: 1, arbitrary: fc.json() },
);

const VALUE = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('true', '"hello"', '"Frau Müller"', '"idle"') },
  { weight: 2, arbitrary: fc.constantFrom('1', 'null', '"$value"', '"\\u0000"', '"\\udfff!"', '"a\\nb"', '1e400', '[]', '{}') },
  { weight: 1, arbitrary: fc.json() },
);

const NAME = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom('buzzer', 'speak', 'dim', 'mode', 'drive', 'drive', 'drive', 'goto', 'ping', 'snapshot', 'stop'),
  },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'open_door', '', 'BUZZER', 'stop ', 'value') },
);

/** Valid arguments for the command of this name. */
const VALID: Readonly<Record<string, readonly string[]>> = {
  buzzer: ['"value":true', '"args":{"value":false}'],
  speak: ['"value":"Frau Müller"', '"value":"hello"'],
  dim: ['"args":{"level":0.5}', '"args":{"level":7,"steps":3}'],
  mode: ['"value":"idle"', '"value":"hello"'],
  drive: [
    '"args":{"linear":0.1}',
    '"args":{"linear":0.1,"linear":0.2}',
    '"args":{"linear":1e9,"angular":-7,"duration_ms":60}',
    '"args":{}',
  ],
  goto: ['"args":{"place":"bed"}', '"args":{"place":"kitchen","duration_ms":1}'],
};

/** The device that signs a command, and its way. Undefined if the command is not signed. */
const SIGNER: fc.Arbitrary<readonly [Device, Way] | undefined> = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom<Device>('anna', 'bert', 'passkey').map((device) => [device, 'right'] as const) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...DEVICES), fc.constantFrom(...WAYS)) },
  { weight: 3, arbitrary: fc.constant(undefined) },
);

/** Milliseconds relative to now: a current, late or future time. */
const TIME = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: -5_000, max: 5_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: -10_000_000, max: 10_000_000 }) },
);
const ODD_TIME = fc.constantFrom('"soon"', 'null', '1e30', '-1', '1.5', '[]', '0');

const DAMAGE: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(400), by: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(400) }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(400), bytes: fc.uint8Array({ maxLength: 8 }) }),
);

const often = <T>(usual: T, other: fc.Arbitrary<T>, weight = 12): fc.Arbitrary<T> =>
  fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });

const DRAFT: fc.Arbitrary<Draft> = fc
  .record({
    name: NAME,
    carries: fc.constantFrom('valid', 'valid', 'valid', 'valid', 'value', 'args', 'args', 'nothing', 'both'),
    pick: fc.nat(),
    value: VALUE,
    args: ARGUMENTS,
    id: often<string | null>(null, fc.constantFrom('""', '"a b"', '7', '"x"', `"${'i'.repeat(65)}"`, 'absent')),
    thing: often('"bot"', fc.constantFrom('"other"', '7', 'null', 'absent')),
    issued: TIME,
    life: often(4_000, fc.integer({ min: -1_000, max: 100_000 }), 6),
    signer: SIGNER,
    oddTime: often<string | null>(null, ODD_TIME, 20),
    again: often<number | undefined>(undefined, fc.integer({ min: 1, max: 30 }), 8),
    damage: often<readonly Damage[]>([], fc.array(DAMAGE, { minLength: 1, maxLength: 3 }), 8),
    retained: often(false, fc.constant(true)),
    expiryMs: fc.constantFrom(undefined, 1_000, 10_000, 10_000_000),
  })
  .map(({ name, carries, pick, value, args, id, thing, issued, life, signer, oddTime, ...rest }) => ({
    ...rest,
    json: (nowMs, fresh) => {
      const fields = [
        ...(id === 'absent' ? [] : [`"id":${id ?? JSON.stringify(fresh)}`]),
        ...(thing === 'absent' ? [] : [`"thing":${thing}`]),
        `"command":${JSON.stringify(name)}`,
        ...(carries === 'valid' ? validArguments(name, pick) : []),
        ...(carries === 'value' || carries === 'both' ? [`"value":${value}`] : []),
        ...(carries === 'args' || carries === 'both' ? [`"args":${args}`] : []),
        `"issued_at":${oddTime ?? nowMs + issued}`,
        ...(id === 'absent' && thing === 'absent' ? [] : [`"expires_at":${nowMs + issued + life}`]),
      ];
      const text = `{${fields.join(',')}}`;
      return signer ? withSignature(text, ...signer) : text;
    },
  }));

export const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 60, arbitrary: DRAFT.map((draft): Step => ({ do: 'send', drafts: [draft] })) },
  { weight: 3, arbitrary: fc.array(DRAFT, { minLength: 2, maxLength: 20 }).map((drafts): Step => ({ do: 'send', drafts })) },
  { weight: 8, arbitrary: fc.nat(20_000).map((ms): Step => ({ do: 'wait', ms })) },
  { weight: 2, arbitrary: often(true, fc.constant(false), 4).map((trusted): Step => ({ do: 'clock', trusted })) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('sense' as const),
      battery: fc.constantFrom(80, 80, 16, 15, undefined),
      fall: fc.constantFrom(false, false, false, true, undefined),
    }),
  },
  { weight: 3, arbitrary: fc.constantFrom('idle', 'hello', true).map((value): Step => ({ do: 'confirm', value })) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('pair' as const),
      devices: fc.subarray<Device>(['anna', 'bert', 'passkey']),
      isDamaged: often(false, fc.constant(true), 6),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'link_lost' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'restart' }) },
);

function validArguments(name: string, pick: number): string[] {
  const all = Object.hasOwn(VALID, name) ? VALID[name] : undefined;
  return all ? [all[pick % all.length] ?? ''] : [];
}

export function damaged(text: string, damage: readonly Damage[]): Buffer {
  let bytes = Buffer.from(text);
  for (const each of damage) {
    const at = Math.min(each.at, bytes.length);
    if (each.kind === 'cut') bytes = bytes.subarray(0, at);
    else if (each.kind === 'insert') bytes = Buffer.concat([bytes.subarray(0, at), each.bytes, bytes.subarray(at)]);
    else if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ each.by;
  }
  return bytes;
}
