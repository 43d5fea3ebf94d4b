// A log or backup in slices, each one object. Each slice is spooled in the transaction that records the progress, so that a kill costs at most
// the slice that was being cut, and nothing is sent twice or left out. Two slices or more get a manifest.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { crashPoint, parseJson } from '../base/index.ts';
import type { Notes } from '../outbox/index.ts';
import type { NewUpload } from './item.ts';

export const SLICE_BYTES = 8 * 1024 ** 2;

/** The most bytes that the cloud accepts for one log or backup, which is all slices with one `taken_at`. */
const WHOLE_BYTES = { log: 40 * 1024 ** 2, backup: 190 * 1024 ** 2 } as const;

/** A slice of a log can be decompressed by itself; a slice of a backup is a part of one compressed file. */
const CONTENT_TYPES = { log: 'application/gzip', backup: 'application/octet-stream' } as const;

export interface Slice {
  /** At most {@link SLICE_BYTES}. */
  readonly bytes: Buffer;
  /** Position of the next slice, stored as JSON. */
  readonly next: unknown;
  readonly isLast: boolean;
  /** Further fields of this slice in the manifest. */
  readonly about?: Readonly<Record<string, unknown>>;
}

export interface SlicesOptions {
  readonly kind: 'log' | 'backup';
  readonly notes: Notes;
  /** Spools; false if there is no space. */
  readonly add: (upload: NewUpload, within: () => void) => Promise<boolean>;
  /** Wall time in milliseconds. */
  readonly nowMs: () => number;
}

export interface Sent {
  readonly slices: number;
  /** Bytes. */
  readonly size: number;
  /** False: the spool had no space for all of it; the next call sends the rest. */
  readonly whole: boolean;
}

const part = z.looseObject({ sha256: z.string(), size: z.number() });
const progress = z.object({
  position: z.unknown(),
  /** The log or backup that is not yet spooled whole. */
  open: z.object({ taken_at: z.number(), why: z.string(), slices: z.array(part) }).nullable(),
});
type Progress = z.infer<typeof progress>;

export class Slices {
  readonly #options: SlicesOptions;

  constructor(options: SlicesOptions) {
    this.#options = options;
  }

  /** Position of the next slice; undefined before the first. */
  get position(): unknown {
    return this.#read()?.position;
  }

  /** Whether a log or backup is only partly spooled. */
  get isOpen(): boolean {
    return (this.#read()?.open ?? null) !== null;
  }

  /**
   * Spools the slices from the stored position on, or continues a partly spooled log or backup.
   * @param why reason, stored in the manifest.
   * @param source slices from a position on.
   * @throws an error of `source`, or of a full disk.
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
      const isFull = open && open.slices.reduce((sum, slice) => sum + slice.size, 0) + SLICE_BYTES > WHOLE_BYTES[this.#options.kind];
      if (open && (slice.isLast || isFull)) {
        if (!(await this.#finish(position, open))) return { slices, size, whole: false };
        open = null;
      }
      if (slice.isLast) return { slices, size, whole: true };
    }
    // The partly spooled log or backup has no further slices: they were dropped meanwhile, or it ended exactly here.
    if (open && !(await this.#finish(position, open))) return { slices, size, whole: false };
    return { slices, size, whole: true };
  }

  /** Restarts from a position. */
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
    // A damaged note counts as none: slices are sent again from the start rather than never.
    return progress.safeParse(parseJson(this.#options.notes.read(this.#name))).data;
  }

  #write(value: Progress): void {
    this.#options.notes.write(this.#name, JSON.stringify(value));
  }

  get #name(): string {
    return `slices of ${this.#options.kind}`;
  }
}
