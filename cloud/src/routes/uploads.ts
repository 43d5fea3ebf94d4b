// POST /uploads, for robots: leave to put one object into the store. GET /snapshots, for members: what they put there.
import { z } from 'zod';
import { component, DEVICE, errors, HttpError, TAGS, USER } from '../http/index.ts';
import type { Picture, Uploads } from '../uploads/index.ts';
import { isEncrypted, PICTURES, uploadRequest } from '../uploads/index.ts';
import type { Context } from './context.ts';
import { limitParameter, thingQuery } from './parameters.ts';

const time = z.number().int();
const named = { upload_id: z.string(), object_key: z.string() };

const announced = component(
  'Upload',
  z.union([
    z.object({ ...named, done: z.literal(true).describe('It is there already') }),
    z.object({
      ...named,
      method: z.literal('PUT'),
      url: z.string(),
      headers: z.record(z.string(), z.string()).describe('To be sent exactly so: they are signed'),
      expires_at: time,
    }),
  ]),
);

export const picture = component(
  'Snapshot',
  z.object({
    upload_id: z.string(),
    kind: z.enum(PICTURES),
    taken_at: time,
    incident: z.string().nullable(),
    content_type: z.string(),
    size: z.number().int(),
    encrypted: z.boolean().describe('With age, for the recipients that the robot was given: the cloud can not look at it'),
    url: z.string().describe('Good until expires_at'),
    expires_at: time,
  }),
);

const snapshots = component('Snapshots', z.object({ snapshots: z.array(picture) }));

const beforeTime = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** @param uploads null: this cloud has no store. */
export function uploadRoutes({ app, auth }: Context, uploads: Uploads | null): void {
  app.post(
    '/uploads',
    {
      onRequest: auth.device,
      schema: {
        operationId: 'announceUpload',
        tags: [TAGS.uploads.name],
        summary: 'A URL to put one object into the store, for a robot',
        description:
          'The same bytes of the same kind are the same upload, whenever they are announced. Asked again after the PUT, it looks.',
        security: DEVICE,
        body: component('UploadRequest', uploadRequest),
        response: { 200: announced, ...errors(401, 409, 413, 415, 422, 429) },
      },
    },
    async (request) => {
      const answer = await storeOf(uploads).announce(auth.thingOf(request), request.body);
      if ('status' in answer) throw new HttpError(answer.status, answer.why, answer.retryAfterS ?? null);
      return answer;
    },
  );

  app.get(
    '/snapshots',
    {
      onRequest: auth.user,
      schema: {
        operationId: 'listSnapshots',
        tags: [TAGS.uploads.name],
        summary: 'Pictures and clips of a robot, newest first',
        security: USER,
        querystring: thingQuery.extend({
          limit: limitParameter,
          incident: z.string().min(1).max(64).optional().describe('Only those of this alert'),
          before: beforeTime.optional().describe('Only those taken before (milliseconds since 1970)'),
        }),
        response: { 200: snapshots, ...errors(401, 403, 422) },
      },
    },
    async (request) => {
      const { limit, incident, before } = request.query;
      const thing = await auth.robotOf(request, request.query.thing);
      const pictures = (await uploads?.pictures(thing, { limit, incident: incident ?? null, before: before ?? null })) ?? [];
      return { snapshots: pictures.map(shown) };
    },
  );
}

export function shown(one: Picture): z.infer<typeof picture> {
  return { ...one, encrypted: isEncrypted(one.content_type) };
}

function storeOf(uploads: Uploads | null): Uploads {
  if (!uploads) throw new HttpError(503, 'this cloud keeps no uploads: S3_BUCKET is not set');
  return uploads;
}
