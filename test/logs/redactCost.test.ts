// Tests that redaction does not make logging slow: its time is compared with the time that pino takes for the same lines. It is
// four to six times on a quiet machine.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pino } from 'pino';
import { logLine } from '../../src/base/index.ts';

/** Lines that the agent writes often. None has a secret. */
const USUAL: readonly (readonly [fields: object, text: string])[] = [
  [{ event: 'connected', endpoint: 'a1-ats.iot.eu-central-1.amazonaws.com:8883', mqtt_version: 5 }, 'connected by eth0'],
  [{ event: 'reading', channel: 'gas', value: 12.5, seq: 123 }, 'gas is 12.5'],
  [{ event: 'problem_raised', code: 'channel_off', severity: 'warning', text: 'no node publishes /gas_detected' }, 'gas is off'],
  [{ event: 'command_done', id: 'q3hJ8sK1ZbX0', command: 'move_forward', status: 'done', took_ms: 12 }, 'move_forward is done'],
  [{ event: 'spooled', camera: 'front', kind: 'snapshot', incident: '01HZXW3R8Q2M4T6V8XZA', bytes: 123_456 }, 'it waits'],
  [{ event: 'upload_failed', err: new Error('connect ECONNREFUSED 127.0.0.1:443') }, 'the upload failed'],
];
const LINES = 2_000;
/** Other programs on the machine only make a round longer, so the shortest counts. */
const ROUNDS = 25;

it('takes at most twenty times as long as pino for usual lines', (t) => {
  const sizes = new Set<number>();
  const loggers = [(line: string) => line, logLine].map((prepare) =>
    pino({ base: { thing: 'elderly-bot' } }, { write: (line: string) => void sizes.add(prepare(line).length) }),
  );
  const fastest = loggers.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, log] of loggers.entries()) {
      const startedMs = performance.now();
      for (let line = 0; line < LINES; line++) {
        const [fields, text] = USUAL[line % USUAL.length] ?? [{}, ''];
        log.info(fields, text);
      }
      fastest[i] = Math.min(fastest[i] ?? 0, performance.now() - startedMs);
    }
  }
  const [plain = 0, redacted = 0] = fastest.map((ms) => (1_000 * ms) / LINES);
  t.diagnostic(`pino ${plain.toFixed(1)} µs a line, with redaction ${redacted.toFixed(1)} µs: ${(redacted / plain).toFixed(1)} times`);
  assert.ok(sizes.size > 0 && redacted < 20 * plain, `${plain} µs and ${redacted} µs`);
});
