// What is longer than one object, a log or a backup, in slices: each is spooled in the transaction that writes down how far it is, so
// that a kill costs at most the slice that was being cut, and nothing is sent twice or left out. More than one get a manifest.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { crashPoint, parseJson } from '../base/index.ts';
import type { Notes } from '../outbox/index.ts';
import type { NewUpload } from './item.ts';

export const SLICE_BYTES = 8 * 1024 ** 2;

/** What the cloud takes of one log or backup: its slices have their `taken_at` in common. */
const WHOLE_BYTES = { log: 40 * 1024 ** 2, backup: 190 * 1024 ** 2 } as const;

/** A slice of a log can be read by itself; one of a backup is a part of a compressed file. */
const CONTENT_TYPES = { log: 'application/gzip', backup: 'application/octet-stream' } as const;

export interface Slice {
  /** At most {@link SLICE_BYTES}. */
  readonly bytes: Buffer;
  /** Where the next one begins; as JSON it is remembered. */
  readonly next: unknown;
  readonly isLast: boolean;
  /** What the manifest says of it besides. */
  readonly about?: Readonly<Record<string, unknown>>;
}

export interface SlicesOptions {
  readonly kind: 'log' | 'backup';
  readonly notes: Notes;
  /** Spools; false where there is no room for it. */
  readonly add: (upload: NewUpload, within: () => void) => Promise<boolean>;
  /** Wall time in milliseconds. */
  readonly nowMs: () => number;
}

export interface Sent {
  readonly slices: number;
  /** Bytes. */
  readonly size: number;
  /** False: there was no room for all of it; the rest goes the next time. */
  readonly whole: boolean;
}

const part = z.looseObject({ sha256: z.string(), size: z.number() });
const progress = z.object({
  position: z.unknown(),
  /** What was begun and is not sent whole. */
  open: z.object({ taken_at: z.number(), why: z.string(), slices: z.array(part) }).nullable(),
});
type Progress = z.infer<typeof progress>;

export class Slices {
  readonly #options: SlicesOptions;

  constructor(options: SlicesOptions) {
    this.#options = options;
  }

  /** Where the next slice begins; undefined before the first. */
  get position(): unknown {
    return this.#read()?.position;
  }

  /** Whether something was begun and has to be gone on with. */
  get isOpen(): boolean {
    return (this.#read()?.open ?? null) !== null;
  }

  /**
   * Sends what there is from the remembered position on, or goes on with what was begun.
   * @param why goes into the manifest.
   * @param source slices from a position on. @throws what it throws, or a full disk's error.
   */
  async send(why: string, source: (position: unknown) => AsyncIterable<Slice>): Promise<Sent> {
    let { position, open } = this.#read() ?? { position: undefined, open: null };
    let [slices, size] = [0, 0];
    for await (const slice of source(position)) {
      open ??= { taken_at: this.#options.nowMs(), why, slices: [] };
      const known = { sha256: createHash('sha256').update(slice.bytes).digest('hex'), size: slice.bytes.length, ...slice.about };
      const next: Progress['open'] = { ...open, slices: [...open.slices, known] };
      const isAlone = slice.isLast && next.slices.length === 1;
      crashPoint('slice_cut');
      const upload = { contentType: CONTENT_TYPES[this.#options.kind], bytes: slice.bytes, takenAtMs: open.taken_at };
      if (!(await this.#add(upload, { position: slice.next, open: isAlone ? null : next }))) return { slices, size, whole: false };
      crashPoint('slice_spooled');
      position = slice.next;
      open = isAlone ? null : next;
      slices++;
      size += slice.bytes.length;
      const isFull = open && open.slices.reduce((sum, one) => sum + one.size, 0) + SLICE_BYTES > WHOLE_BYTES[this.#options.kind];
      if (open && (slice.isLast || isFull)) {
        if (!(await this.#finish(position, open))) return { slices, size, whole: false };
        open = null;
      }
      if (slice.isLast) return { slices, size, whole: true };
    }
    // Of what was begun there is no more: it was given up meanwhile, or ended exactly there.
    if (open && !(await this.#finish(position, open))) return { slices, size, whole: false };
    return { slices, size, whole: true };
  }

  /** Begins anew at a position. */
  restart(position: unknown): void {
    this.#write({ position, open: null });
  }

  #finish(position: unknown, open: NonNullable<Progress['open']>): Promise<boolean> {
    const { kind } = this.#options;
    const bytes = Buffer.from(JSON.stringify({ manifest: 1, kind, ...open }));
    return this.#add({ contentType: 'application/json', bytes, takenAtMs: open.taken_at }, { position, open: null });
  }

  #add(upload: Pick<NewUpload, 'contentType' | 'bytes' | 'takenAtMs'>, then: Progress): Promise<boolean> {
    const { kind, add } = this.#options;
    return add({ kind, incident: null, ...upload }, () => this.#write(then));
  }

  #read(): Progress | undefined {
    // A garbled note counts as none: slices are sent again from the start rather than never.
    return progress.safeParse(parseJson(this.#options.notes.read(this.#name))).data;
  }

  #write(value: Progress): void {
    this.#options.notes.write(this.#name, JSON.stringify(value));
  }

  get #name(): string {
    return `slices of ${this.#options.kind}`;
  }
}
