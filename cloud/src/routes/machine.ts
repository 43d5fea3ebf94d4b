// GET /healthz and /metrics, for this machine, the addresses in MONITOR_ALLOW and callers with the token.
import { z } from 'zod';
import type { Health } from '../health/index.ts';
import { answer, component, errors, type MonitorAccess, OPEN, onlyMonitors, TAGS } from '../http/index.ts';
import type { Context } from './context.ts';

/** Robots named in an answer. */
const SHOWN = 20;

const health = component(
  'MachineHealth',
  z.object({
    status: z.enum(['ok', 'degraded']),
    database: z.string().describe('`ok`, or the fault'),
    broker: z.enum(['connecting', 'subscribed', 'stopped']),
    queue: z.object({
      messages: z.int().describe('Messages that are received and not yet committed'),
      oldest_s: z.int().describe('Age of the oldest of them in seconds'),
      stuck: z.array(z.string()).describe('Robots (prefix and thing) that wait alone, because their rows are locked or slow; no fault'),
      quarantined: z.array(z.string()).describe('Topic prefixes of robots that send more than they may; no fault'),
    }),
    faults: z.array(z.object({ code: z.string(), text: z.string(), remedy: z.string() })),
  }),
);

export interface MachineOptions {
  readonly health: Health;
  readonly monitorAccess: MonitorAccess;
}

export function machineRoutes({ app, metrics }: Context, { health: state, monitorAccess }: MachineOptions): void {
  const onRequest = onlyMonitors(monitorAccess);

  app.get(
    '/healthz',
    {
      onRequest,
      schema: {
        operationId: 'readHealthz',
        tags: [TAGS.machine.name],
        summary: 'Health of this instance, with its faults',
        security: OPEN,
        response: { ...errors(403), 200: health, 503: answer('This instance has faults', health) },
      },
    },
    async (_request, reply) => {
      const faults = await state.faults();
      const { waiting, oldestMs, stuck = [], quarantined = [] } = state.options.queue();
      return reply.code(faults.length === 0 ? 200 : 503).send({
        status: faults.length === 0 ? 'ok' : 'degraded',
        database: faults.find(({ code }) => code.startsWith('database_'))?.text ?? 'ok',
        broker: state.options.broker(),
        queue: {
          messages: waiting,
          oldest_s: Math.round(oldestMs / 1_000),
          stuck: stuck.slice(0, SHOWN),
          quarantined: quarantined.slice(0, SHOWN),
        },
        faults,
      });
    },
  );

  app.get('/metrics', { onRequest, schema: { hide: true } }, async (_request, reply) =>
    reply
      .type(metrics.contentType)
      .serializer((text: string) => text)
      .send(await metrics.text()),
  );
}
