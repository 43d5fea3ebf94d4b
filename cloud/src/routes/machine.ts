// GET /healthz and /metrics: for the machine and its allow-list only.

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
  /** Addresses and networks that may ask too. */
  readonly allowed: readonly string[];
}

export function machineRoutes({ app, db }: Pick<Context, 'app' | 'db'>, { broker, metrics, allowed }: MachineOptions): void {
  const onRequest = onlyFrom(allowed);

  app.get(
    '/healthz',
    {
      onRequest,
      schema: {
        operationId: 'readHealthz',
        tags: [TAGS.machine.name],
        summary: 'Whether it works, and what does not',
        security: OPEN,
        response: { ...errors(403), 200: health, 503: answer('Something does not work', health) },
      },
    },
    async (_request, reply) => {
      const database = await whyNot(() => db.query('select 1'));
      const link = broker();
      const healthy = database === null && link === 'subscribed';
      return reply.code(healthy ? 200 : 503).send({ status: healthy ? 'ok' : 'degraded', database: database ?? 'ok', broker: link });
    },
  );

  app.get('/metrics', { onRequest, schema: { hide: true } }, async (_request, reply) =>
    reply
      .type(metrics.contentType)
      .serializer((text: string) => text)
      .send(await metrics.text()),
  );
}

async function whyNot(work: () => Promise<unknown>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
