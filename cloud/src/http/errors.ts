// Builds error answers: `{"detail": "..."}` with a status. A fault of the cloud itself is a 503 without internal details. The log has the
// details under the request's id.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors, isResponseSerializationError } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import { z } from 'zod';
import { messageOf } from '../../../src/base/index.ts';
import { refusesData } from '../database/index.ts';
import { component } from './openapi.ts';

/** A longer detail is cut. The cloud's own texts are shorter, but they may quote a long value from the caller. */
const MAX_DETAIL_CHARACTERS = 500;

/** An error answer. The cloud sends its message to the caller. */
export class HttpError extends Error {
  readonly statusCode: number;
  /** Seconds for the header Retry-After. */
  readonly retryAfterS: number | null;

  constructor(statusCode: number, detail: string, retryAfterS: number | null = null) {
    super(detail);
    this.statusCode = statusCode;
    this.retryAfterS = retryAfterS;
  }
}

const detail = component('Error', z.object({ detail: z.string().describe('The fault and its reason') }));
const MEANINGS: Readonly<Record<number, string>> = {
  400: 'The request is malformed, or the phone is already registered',
  401: 'The token is missing or not valid',
  403: 'Access is not allowed',
  404: 'The resource does not exist',
  409: 'The current state does not allow this',
  413: 'The body is too large',
  415: 'The body is not JSON',
  422: 'A field is not valid; the detail names it',
  429: 'Too many requests; see Retry-After',
  503: 'The cloud cannot answer now',
};

/** A described answer. Its named schema stays a `$ref` in the OpenAPI document. */
interface DescribedAnswer<T extends z.ZodType> {
  readonly description: string;
  readonly content: { readonly 'application/json': { readonly schema: T } };
}

export function answer<T extends z.ZodType>(description: string, schema: T): DescribedAnswer<T> {
  return { description, content: { 'application/json': { schema } } };
}

/** The error answers in a route's schema. Every route may answer 503. */
export function errors(...statuses: readonly number[]): Readonly<Record<number, DescribedAnswer<typeof detail>>> {
  return Object.fromEntries([...statuses, 503].map((status) => [status, answer(MEANINGS[status] ?? 'An error', detail)]));
}

export function fail(log: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, text } = answerTo(error);
  if (error instanceof HttpError && error.retryAfterS !== null) reply.header('retry-after', String(error.retryAfterS));
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  if (status === 503 && !(error instanceof HttpError)) {
    const reason = isResponseSerializationError(error) ? `the answer does not fit its schema: ${messageOf(error.cause)}` : messageOf(error);
    log.error({ event: 'request_failed', request_id: request.id, route: request.routeOptions.url, reason }, 'answered 503');
  }
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send({ detail: text.length > MAX_DETAIL_CHARACTERS ? `${text.slice(0, MAX_DETAIL_CHARACTERS)}...` : text });
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
  if (refusesData(error)) return { status: 422, text: 'the database does not accept such a value' };
  return { status: 503, text: 'the cloud cannot do this now; try again later' };
}
