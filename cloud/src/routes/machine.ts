// GET /healthz and /metrics, for this machine and the addresses in MONITOR_ALLOW.
import { z } from 'zod';
import { messageOf } from '../../../src/base/index.ts';
import type { LinkState } from '../broker/index.ts';
import { answer, component, errors, OPEN, onlyFrom, TAGS } from '../http/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Context } from './context.ts';

const health = component(
  'MachineHealth',
  z.object({
    status: z.enum(['ok', 'degraded']),
    database: z.string(),
    broker: z.enum(['connecting', 'subscribed', 'stopped']),
  }),
);

export interface MachineOptions {
  readonly broker: () => LinkState;
  readonly metrics: Metrics;
  /** Addresses and networks, besides this machine, that may read these routes. */
  readonly monitorAllow: readonly string[];
}

export function machineRoutes({ app, db }: Context, { broker, metrics, monitorAllow }: MachineOptions): void {
  const onRequest = onlyFrom(monitorAllow);

  app.get(
    '/healthz',
    {
      onRequest,
      schema: {
        operationId: 'readHealthz',
        tags: [TAGS.machine.name],
        summary: 'Health of this instance, with its faults',
        security: OPEN,
        response: { ...errors(403), 200: health, 503: answer('The database or the broker does not work', health) },
      },
    },
    async (_request, reply) => {
      const database = await db.query('select 1').then(() => 'ok', messageOf);
      const link = broker();
      const isHealthy = database === 'ok' && link === 'subscribed';
      return reply.code(isHealthy ? 200 : 503).send({ status: isHealthy ? 'ok' : 'degraded', database, broker: link });
    },
  );

  app.get('/metrics', { onRequest, schema: { hide: true } }, async (_request, reply) =>
    reply
      .type(metrics.contentType)
      .serializer((text: string) => text)
      .send(await metrics.text()),
  );
}
