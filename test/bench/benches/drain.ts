// Compares the rate and the bytes of a drain with MQTT.js sending one reading per message as fast as it can.
import { cpSync } from 'node:fs';
import { type Drained, drained } from '../backlog.ts';
import type { Bench, Findings } from '../bench.ts';
import { median } from '../figures.ts';
import type { Rig } from '../rig.ts';

const ROWS = 100_000;
const WINDOW = 100;

interface Flood {
  readonly perSecond: number;
  readonly wireBytes: number;
}

async function drainOnce(rig: Rig, filled: string, limited: boolean): Promise<Drained> {
  const stateDir = rig.fresh('state');
  cpSync(filled, stateDir, { recursive: true });
  const agent = rig.agent({}, stateDir, limited ? 'limited' : 'unlimited');
  const result = await drained(rig, agent, stateDir, ROWS);
  await rig.end(agent);
  return result;
}

async function flood(rig: Rig): Promise<Flood> {
  const program = rig.node('floors.mjs', ['flood', String(WINDOW), String(ROWS)]);
  const { perSecond, wireBytes } = await program.event('floor', undefined, 60_000);
  await rig.end(program);
  return { perSecond: Number(perSecond), wireBytes: Number(wireBytes) };
}

export const drain: Bench = {
  name: 'drain',
  what: 'a backlog of 100,000 rows',
  run: async ({ rig, rounds, seed, say }): Promise<Findings> => {
    const filled = await rig.fill(ROWS, seed);
    const drains: Drained[] = [];
    const floods: Flood[] = [];
    for (let round = 0; round < rounds; round++) {
      const [agent, raw] = [await drainOnce(rig, filled, false), await flood(rig)];
      drains.push(agent);
      floods.push(raw);
      say(`round ${round + 1}: agent ${(ROWS / agent.seconds).toFixed(0)} rows/s, ${(agent.wireBytes / ROWS).toFixed(1)} bytes a row`);
      say(`round ${round + 1}: raw MQTT.js ${raw.perSecond.toFixed(0)} messages/s, ${(raw.wireBytes / ROWS).toFixed(1)} bytes each`);
    }
    const limited = await drainOnce(rig, filled, true);
    const rowsPerSecond = median(drains.map(({ seconds }) => ROWS / seconds));
    const wireBytes = median(drains.map((each) => each.wireBytes / ROWS));
    const raw = {
      messages_per_s: median(floods.map((each) => each.perSecond)),
      wire_bytes_each: median(floods.map((each) => each.wireBytes / ROWS)),
    };
    const ratios = { rate: rowsPerSecond / raw.messages_per_s, wire: wireBytes / raw.wire_bytes_each };
    return {
      figures: {
        rows: ROWS,
        agent: {
          rows_per_s: rowsPerSecond,
          wire_bytes_a_row: wireBytes,
          cpu_us_a_row: median(drains.map((each) => (each.cpuSeconds * 1e6) / ROWS)),
        },
        raw_mqttjs: raw,
        with_default_quota: { rows_per_s: ROWS / limited.seconds },
        ratios,
      },
      targets: [
        { name: 'rows/s / raw MQTT.js messages/s', value: ratios.rate, atLeast: 4, stretch: 6 },
        { name: 'wire bytes a row / raw MQTT.js', value: ratios.wire, atMost: 0.1 },
      ],
    };
  },
};
