// GET /alerts and POST /alerts/{id}/acknowledge, for members. Whoever gets the list has the alerts before their eyes, and that is noted.
import { z } from 'zod';
import { type Alert, acknowledgeAlert, listAlerts, markSeen, readAlert, readAlerts } from '../alerts/index.ts';
import { component, errors, HttpError, TAGS, USER } from '../http/index.ts';
import type { Uploads } from '../uploads/index.ts';
import type { Context } from './context.ts';
import { limitParameter, thingQuery } from './parameters.ts';
import { picture, shown } from './uploads.ts';

const id = z.number().int();
const time = z.number().int();
const alertId = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

const alert = component(
  'Alert',
  z.object({
    id,
    thing: z.string(),
    incident: z.string(),
    channel: z.string().describe('What raised it, or robot_silent'),
    value: z.unknown(),
    state: z.enum(['committed', 'seen', 'acknowledged', 'resolved']),
    raised_at: time.nullable(),
    committed_at: time,
    seen_at: time.nullable(),
    acknowledged_at: time.nullable(),
    acknowledged_by: id.nullable(),
    resolved_at: time.nullable(),
    seen_by: z.array(z.object({ user_id: id, at: time })),
  }),
);

const shownAlert = component('AlertWithSnapshots', alert.extend({ snapshots: z.array(picture) }));
const alerts = component('Alerts', z.object({ alerts: z.array(shownAlert) }));

/** @param uploads null: there is no store, and so no picture. */
export function alertRoutes({ app, db, auth, notifier }: Context, uploads: Uploads | null): void {
  app.get(
    '/alerts',
    {
      onRequest: auth.user,
      schema: {
        operationId: 'listAlerts',
        tags: [TAGS.robots.name],
        summary: 'Alerts, newest first, with their snapshots',
        security: USER,
        querystring: thingQuery.extend({ limit: limitParameter, before: alertId.optional().describe('Only those older than this alert') }),
        response: { 200: alerts, ...errors(401, 403, 422) },
      },
    },
    async (request) => {
      const { limit, before = null } = request.query;
      const thing = await auth.robotOf(request, request.query.thing);
      const ids = (await listAlerts(db, { thing, limit, before })).map((one) => one.id);
      if (await markSeen(db, ids, auth.userOf(request))) notifier.changed([thing]);
      const found = await readAlerts(db, ids);
      const incidents = found.map((one) => one.incident);
      const pictures = (await uploads?.picturesOf(thing, incidents)) ?? [];
      const of = ({ incident }: Alert) => pictures.filter((one) => one.incident === incident).map(shown);
      return { alerts: found.map((one) => ({ ...plain(one), snapshots: of(one) })) };
    },
  );

  app.post(
    '/alerts/:id/acknowledge',
    {
      onRequest: auth.user,
      schema: {
        operationId: 'acknowledgeAlert',
        tags: [TAGS.robots.name],
        summary: 'Say that you take care of it',
        description: 'The first acknowledgement stands; another one changes nothing.',
        security: USER,
        params: z.object({ id: alertId }),
        response: { 200: alert, ...errors(401, 403, 404, 422) },
      },
    },
    async (request) => {
      const found = await readAlert(db, request.params.id);
      if (!found) throw new HttpError(404, `there is no alert ${request.params.id} of yours`);
      // Not 403: a stranger does not learn which numbers are there.
      const thing = await auth.robotOf(request, found.thing).catch(() => null);
      const acknowledged = thing && (await acknowledgeAlert(db, thing, found.id, auth.userOf(request)));
      if (!acknowledged) throw new HttpError(404, `there is no alert ${request.params.id} of yours`);
      notifier.changed([found.thing]);
      return plain(acknowledged);
    },
  );
}

function plain(one: Alert): z.infer<typeof alert> {
  return { ...one, seen_by: [...one.seen_by] };
}
