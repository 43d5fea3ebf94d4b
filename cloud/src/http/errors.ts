// Every error answer: `{"detail": "what and why"}` with a fitting status. A fault of the cloud itself is a 503 without internal details;
// the log has them, with the request's id.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors, isResponseSerializationError } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import { z } from 'zod';
import { messageOf } from '../../../src/base/index.ts';
import { refusesData } from '../database/index.ts';
import { component } from './components.ts';

/** Long enough for every text of the cloud; only values from callers make a text longer. */
const MAX_DETAIL_CHARACTERS = 500;

/** An error answer; its text is for the caller. */
export class HttpError extends Error {
  readonly statusCode: number;
  /** Seconds; goes into Retry-After. */
  readonly retryAfterS: number | null;

  constructor(statusCode: number, detail: string, retryAfterS: number | null = null) {
    super(detail);
    this.statusCode = statusCode;
    this.retryAfterS = retryAfterS;
  }
}

const detail = component('Error', z.object({ detail: z.string().describe('What failed and why') }));
const MEANINGS: Readonly<Record<number, string>> = {
  400: 'Not understood, or already registered',
  401: 'No valid token',
  403: 'Not allowed',
  404: 'Not there',
  409: 'Not possible as things are',
  413: 'Too large',
  415: 'Not JSON',
  422: 'A field is wrong; the detail names it',
  429: 'Too often; see Retry-After',
  503: 'Not now',
};

/** An answer of a route's schema whose named schema stays a `$ref` in the OpenAPI document. */
interface DescribedAnswer<T extends z.ZodType> {
  readonly description: string;
  readonly content: { readonly 'application/json': { readonly schema: T } };
}

export function answer<T extends z.ZodType>(description: string, schema: T): DescribedAnswer<T> {
  return { description, content: { 'application/json': { schema } } };
}

type Errors = Readonly<Record<number, DescribedAnswer<typeof detail>>>;

/** The error answers of a route, for its schema. Every route may answer 503. */
export function errors(...statuses: readonly number[]): Errors {
  return Object.fromEntries([...statuses, 503].map((status) => [status, answer(MEANINGS[status] ?? 'An error', detail)]));
}

export function fail(log: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, text } = answerTo(error);
  if (error instanceof HttpError && error.retryAfterS !== null) reply.header('retry-after', String(error.retryAfterS));
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  if (status === 503 && !(error instanceof HttpError)) {
    const why = isResponseSerializationError(error) ? `the answer does not fit its schema: ${messageOf(error.cause)}` : messageOf(error);
    log.error({ event: 'request_failed', request_id: request.id, route: request.routeOptions.url, reason: why }, 'answered 503');
  }
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send({ detail: cut(text) });
}

function answerTo(error: unknown): { readonly status: number; readonly text: string } {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [first] = error.validation;
    const path = first?.instancePath.split('/').filter(Boolean).join('.') || error.validationContext || 'the request';
    return { status: 422, text: `${path}: ${first?.message ?? 'not valid'}` };
  }
  const { statusCode, code } = error as { statusCode?: unknown; code?: unknown };
  if (typeof statusCode === 'number' && statusCode >= 400 && (statusCode < 500 || error instanceof HttpError)) {
    const unreadable = statusCode === 400 && typeof code === 'string' && code.startsWith('FST_ERR_CTP');
    return unreadable ? { status: 422, text: `body: ${messageOf(error)}` } : { status: statusCode, text: messageOf(error) };
  }
  if (error instanceof SyntaxError) return { status: 422, text: 'body: not valid JSON' };
  if (refusesData(error)) return { status: 422, text: 'the database takes no such value' };
  return { status: 503, text: 'this did not work now; try again later' };
}

function cut(text: string): string {
  return text.length > MAX_DETAIL_CHARACTERS ? `${text.slice(0, MAX_DETAIL_CHARACTERS)}...` : text;
}
