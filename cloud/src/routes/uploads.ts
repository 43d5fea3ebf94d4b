// POST /uploads, for robots: a URL to store one object. GET /snapshots, for members: the stored pictures of a robot.
import { z } from 'zod';
import { component, DEVICE, errors, HttpError, TAGS } from '../http/index.ts';
import { announcement, picture, type Uploads, uploadRequest } from '../uploads/index.ts';
import { type Context, forUsers, limitParameter, thingQuery } from './context.ts';

const announced = component('Upload', announcement);
export const snapshot = component('Snapshot', picture);
const snapshots = component('Snapshots', z.object({ snapshots: z.array(snapshot) }));

const beforeTime = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** @param uploads null if this cloud has no object store. */
export function uploadRoutes({ app, auth }: Context, uploads: Uploads | null): void {
  app.post(
    '/uploads',
    {
      onRequest: auth.device,
      schema: {
        operationId: 'announceUpload',
        tags: [TAGS.uploads.name],
        summary: 'Get a URL to store one object, for a robot',
        description:
          'An upload is identified by kind and SHA-256, so a repeated request refers to the same upload. After the PUT, the answer to a repeated request is `done`.',
        security: DEVICE,
        body: component('UploadRequest', uploadRequest),
        response: { 200: announced, ...errors(401, 409, 413, 415, 422, 429) },
      },
    },
    async (request) => {
      if (!uploads) throw new HttpError(503, 'this cloud stores no uploads: S3_BUCKET is not set');
      const answer = await uploads.announce(auth.thingOf(request), request.body);
      if ('status' in answer) throw new HttpError(answer.status, answer.reason, answer.retryAfterS ?? null);
      return answer;
    },
  );

  app.get(
    '/snapshots',
    forUsers(auth, 'uploads', {
      operationId: 'listSnapshots',
      summary: 'Pictures and clips of a robot, newest first',
      querystring: thingQuery.extend({
        limit: limitParameter,
        incident: z.string().min(1).max(64).optional().describe('Only pictures of this alert'),
        before: beforeTime.optional().describe('Only pictures taken before this time (milliseconds since 1970)'),
        before_id: z
          .string()
          .regex(/^[0-9a-f-]{36}$/)
          .optional()
          .describe('With before: the upload_id of the last picture of the page before. Pictures of the same time then follow it'),
      }),
      response: { 200: snapshots, ...errors(401, 403, 422) },
    }),
    async (request) => {
      const { limit, incident = null, before = null, before_id: beforeId = null } = request.query;
      if (beforeId !== null && before === null)
        throw new HttpError(422, 'before_id: give it with before, the taken_at of the same picture');
      const thing = await auth.robotOf(request, request.query.thing);
      return { snapshots: (await uploads?.pictures(thing, { limit, incident, before, beforeId })) ?? [] };
    },
  );
}
