// GET /alerts, POST /alerts/seen and POST /alerts/{id}/acknowledge, for members.
import { z } from 'zod';
import { acknowledgeAlert, alert, listAlerts, markSeen, readAlert, readAlerts } from '../alerts/index.ts';
import { robotsOf } from '../auth/index.ts';
import { component, errors, HttpError } from '../http/index.ts';
import type { Uploads } from '../uploads/index.ts';
import { type Context, forUsers, limitParameter, thingQuery } from './context.ts';
import { snapshot } from './uploads.ts';

const alertId = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

const oneAlert = component('Alert', alert);

/** As many as GET /alerts returns at most. */
const MAX_SEEN = 200;

const shownAlert = component('AlertWithSnapshots', alert.extend({ snapshots: z.array(snapshot) }));
const alerts = component('Alerts', z.object({ alerts: z.array(shownAlert) }));

/** @param uploads null if this cloud has no object store. Alerts then have no pictures. */
export function alertRoutes({ app, db, auth, notifier }: Context, uploads: Uploads | null): void {
  app.get(
    '/alerts',
    forUsers(auth, 'robots', {
      operationId: 'listAlerts',
      summary: 'Alerts with their snapshots, newest first',
      querystring: thingQuery.extend({ limit: limitParameter, before: alertId.optional().describe('Only alerts older than this alert') }),
      response: { 200: alerts, ...errors(401, 403, 422) },
    }),
    async (request) => {
      const { limit, before = null } = request.query;
      const thing = await auth.robotOf(request, request.query.thing);
      const found = await listAlerts(db, { thing, limit, before });
      const incidents = found.map(({ incident }) => incident);
      const pictures = (await uploads?.picturesOf(thing, incidents)) ?? [];
      const snapshotsOf = (incident: string) => pictures.filter((each) => each.incident === incident);
      return { alerts: found.map((each) => ({ ...each, snapshots: snapshotsOf(each.incident) })) };
    },
  );

  app.post(
    '/alerts/seen',
    forUsers(auth, 'robots', {
      operationId: 'seeAlerts',
      summary: 'Report that you have seen alerts',
      description: 'Only your first view of an alert counts. If one of the alerts is not yours, none is marked.',
      body: component('SeenAlerts', z.object({ ids: z.array(z.int().min(1)).min(1).max(MAX_SEEN) })),
      response: { 200: component('AlertsSeen', z.object({ alerts: z.array(oneAlert) })), ...errors(401, 404, 413, 415, 422) },
    }),
    async (request) => {
      const [userId, ids] = [auth.userOf(request), request.body.ids];
      const things = await robotsOf(db, userId);
      const found = (await readAlerts(db, ids)).filter(({ thing }) => things.includes(thing));
      const missing = ids.find((id) => !found.some((each) => each.id === id));
      if (missing !== undefined) throw new HttpError(404, `you have no alert ${missing}`);
      const unseen = found.filter(({ seen_by }) => !seen_by.some(({ user_id }) => user_id === userId));
      if (
        await markSeen(
          db,
          unseen.map((each) => each.id),
          userId,
        )
      )
        notifier.changed([...new Set(unseen.map(({ thing }) => thing))]);
      return { alerts: await readAlerts(db, ids) };
    },
  );

  app.post(
    '/alerts/:id/acknowledge',
    forUsers(auth, 'robots', {
      operationId: 'acknowledgeAlert',
      summary: 'Acknowledge an alert',
      description: 'Reports that you take care of the alert. Only the first acknowledgement counts.',
      params: z.object({ id: alertId }),
      response: { 200: oneAlert, ...errors(401, 403, 404, 422) },
    }),
    async (request) => {
      const found = await readAlert(db, request.params.id);
      // The answer is not 403, so that a stranger cannot find out which alerts exist.
      const thing = found && (await auth.robotOf(request, found.thing).catch(() => null));
      const acknowledged = thing && (await acknowledgeAlert(db, thing, request.params.id, auth.userOf(request)));
      if (!acknowledged) throw new HttpError(404, `you have no alert ${request.params.id}`);
      notifier.changed([thing]);
      return acknowledged;
    },
  );
}
