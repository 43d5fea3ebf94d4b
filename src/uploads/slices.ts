// Cuts a log or backup into slices, each of which becomes an object in the bucket. A slice and the position after it are recorded in a
// single transaction, so that a kill neither repeats nor skips anything. If there are two or more slices, a manifest lists them.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { crashPoint, parseJson } from '../base/index.ts';
import type { Notes } from '../outbox/index.ts';
import type { NewUpload } from './item.ts';

export const SLICE_BYTES = 8 * 1024 ** 2;

/** The cloud's limits on the total size of a log or backup, which consists of all slices with the same `taken_at`. */
const MAX_WHOLE_BYTES = { log: 40 * 1024 ** 2, backup: 190 * 1024 ** 2 } as const;

/** Each slice of a log is a complete gzip file, whereas a backup's slices must be joined before they can be decompressed. */
const CONTENT_TYPES = { log: 'application/gzip', backup: 'application/octet-stream' } as const;

export interface Slice {
  /** At most {@link SLICE_BYTES}. */
  readonly bytes: Buffer;
  /** The position at which the next slice starts. It must be serializable as JSON. */
  readonly next: unknown;
  readonly isLast: boolean;
  /** Additional fields for this slice's entry in the manifest. */
  readonly about?: Readonly<Record<string, unknown>>;
}

export interface SlicesOptions {
  readonly kind: 'log' | 'backup';
  readonly notes: Notes;
  /** Spools an upload. @returns false if there is no space. */
  readonly add: (upload: NewUpload, within: () => void) => Promise<boolean>;
  /** Returns the wall time, in milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
}

export interface Sent {
  readonly slices: number;
  /** In bytes. */
  readonly size: number;
  /** False if the spool ran out of space. The next call continues with the remaining slices. */
  readonly whole: boolean;
}

const part = z.looseObject({ sha256: z.string(), size: z.number() });
const progress = z.object({
  position: z.unknown(),
  /** The log or backup that is partly spooled, if any. */
  open: z.object({ taken_at: z.number(), why: z.string(), slices: z.array(part) }).nullable(),
});
type Progress = z.infer<typeof progress>;

export class Slices {
  readonly #options: SlicesOptions;

  constructor(options: SlicesOptions) {
    this.#options = options;
  }

  /** The position at which the next slice starts; undefined if no slice has been spooled yet. */
  get position(): unknown {
    return this.#read()?.position;
  }

  /** Whether a log or backup is partly spooled. */
  get isOpen(): boolean {
    return (this.#read()?.open ?? null) !== null;
  }

  /**
   * Spools slices, starting at the stored position.
   * @param reason recorded in the manifest.
   * @param source returns the slices that follow a position.
   * @throws an error from `source` or from the file system.
   */
  async send(reason: string, source: (position: unknown) => AsyncIterable<Slice>): Promise<Sent> {
    let { position, open } = this.#read() ?? { position: undefined, open: null };
    let [slices, size] = [0, 0];
    for await (const slice of source(position)) {
      open ??= { taken_at: this.#options.nowMs(), why: reason, slices: [] };
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
      const isFull = open && open.slices.reduce((sum, slice) => sum + slice.size, 0) + SLICE_BYTES > MAX_WHOLE_BYTES[this.#options.kind];
      if (open && (slice.isLast || isFull)) {
        if (!(await this.#finish(position, open))) return { slices, size, whole: false };
        open = null;
      }
      if (slice.isLast) return { slices, size, whole: true };
    }
    // The source ended without a last slice: it ends exactly at the stored position, or its log lines have since been deleted.
    if (open && !(await this.#finish(position, open))) return { slices, size, whole: false };
    return { slices, size, whole: true };
  }

  /** Abandons a partly spooled log or backup. The next one starts at `position`. */
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
    // A damaged note is treated as missing, so that the slices are sent again from the beginning.
    return progress.safeParse(parseJson(this.#options.notes.read(this.#name))).data;
  }

  #write(value: Progress): void {
    this.#options.notes.write(this.#name, JSON.stringify(value));
  }

  get #name(): string {
    return `slices of ${this.#options.kind}`;
  }
}
