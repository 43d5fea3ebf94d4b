// A fleet whose robots were away, and return within a minute. It is settled when receipts cover all that waited.
import { presence, readings, telemetry } from '../../../cloud/test/support/robot.ts';
import { RobotClient } from '../../../cloud/test/support/robotClient.ts';
import { Hostile, pause, type Scene, type Told } from './robots.ts';

/** A client that may announce every robot. */
export const HOUSE = 'house';
const RETURNING = 3_000;
const RETURN_WITHIN_MS = 60_000;
const WAITING_ROWS = 200;
const SECOND_MS = 1_000;

/** Announces all robots, and lets them return within a minute. Each sends the rows that waited, and its state. */
export async function returning({ port, until, begin }: Scene): Promise<Told> {
  const things = Array.from({ length: RETURNING }, (_, i) => `returning-${i}`);
  const house = await Hostile.connect(port, HOUSE);
  for (const thing of things) await house.publish(`fleet/${thing}/presence`, presence({ thing }, [['box-1', 0]], { online: false }));
  await house.end();
  begin();
  const beganMs = performance.now();
  let settled = 0;
  let lastMs = 0;
  const back = things.map(async (thing, i) => {
    await pause((i / RETURNING) * RETURN_WITHIN_MS, until);
    if (until.aborted) return;
    await settle(port, thing, until);
    if (until.aborted) return;
    settled++;
    lastMs = performance.now() - beganMs;
  });
  await Promise.all(back);
  return { robots: RETURNING, settled, settled_after_s: Math.round(lastMs / SECOND_MS) };
}

/** Resolves when a receipt covers all that waited. */
async function settle(port: number, thing: string, until: AbortSignal): Promise<void> {
  const options = { protocolVersion: 5, clientId: thing, username: thing, reconnectPeriod: SECOND_MS } as const;
  const robot = await RobotClient.connect(`fleet/${thing}`, { ...options, protocol: 'mqtt', host: '127.0.0.1', port });
  const send = (name: string, message: unknown): Promise<void> => robot.publish(`fleet/${thing}/${name}`, message);
  await send('presence', presence({ thing }, [['box-1', WAITING_ROWS]]));
  const half = WAITING_ROWS / 2;
  const rows = { thing, accepted: WAITING_ROWS };
  await send('backlog', telemetry(rows, readings([1, half]), { kind: 'backlog' }));
  await send('backlog', telemetry(rows, readings([half + 1, WAITING_ROWS]), { kind: 'backlog' }));
  await send('telemetry', telemetry(rows, [], { state_seq: WAITING_ROWS, battery: 80 }));
  const ended = new Promise<void>((resolve) => until.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([robot.receipt(({ through }) => through >= WAITING_ROWS), ended]);
  await robot.end();
}
