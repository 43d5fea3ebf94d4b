// Validates messages against docs/reference/asyncapi.yaml as another implementation would: by JSON Schema, without our zod schemas.
import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { ROOT } from '../../scripts/lab/program.ts';

export const ASYNCAPI_FILE = `${ROOT}docs/reference/asyncapi.yaml`;

interface Document {
  readonly channels: Readonly<Record<string, { readonly messages: Readonly<Record<string, unknown>> }>>;
}

/** The first byte of a zlib stream. */
const ZLIB_FIRST_BYTE = 0x78;

export class AsyncApi {
  readonly #validators: ReadonlyMap<string, ValidateFunction>;

  constructor() {
    const document = parse(readFileSync(ASYNCAPI_FILE, 'utf8')) as Document;
    // The document around the schemas is not a schema itself.
    const ajv = new Ajv({ strict: false, allErrors: true });
    ajv.addSchema(document, 'asyncapi');
    this.#validators = new Map(
      Object.entries(document.channels).map(([channel, { messages }]) => [
        channel,
        ajv.compile({ anyOf: Object.keys(messages).map((name) => ({ $ref: `asyncapi#/components/messages/${name}/payload` })) }),
      ]),
    );
  }

  get channels(): readonly string[] {
    return [...this.#validators.keys()];
  }

  /** @param channel the last level of the topic. @returns the fault of the message, or null. */
  fault(channel: string, payload: Uint8Array): string | null {
    const validate = this.#validators.get(channel);
    if (!validate) return `the document has no channel ${channel}`;
    const text = Buffer.from(payload[0] === ZLIB_FIRST_BYTE ? inflateSync(payload) : payload).toString('utf8');
    if (validate(JSON.parse(text))) return null;
    const errors = (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || 'message'} ${message}`);
    return `${channel}: ${errors.join('; ')}: ${text.slice(0, 500)}`;
  }
}
