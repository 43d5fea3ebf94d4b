// Where the robot's keys live: two slots in the state directory, so that a new one can be made, got and tried while the old one serves.
// What is in use is said by one small file, replaced in one step: whatever is killed when, the robot has the old identity or the new.
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, crashPoint, parseJson, replaceFile } from '../base/index.ts';
import { Announcements, announcementOf } from './announcements.ts';

export type SlotName = 'a' | 'b';

const pointer = z.object({
  current: z.enum(['a', 'b']).nullable(),
  /** The other slot still holds what served before, and may be gone back to. */
  can_go_back: z.boolean().default(false),
});
type Pointer = z.infer<typeof pointer>;

const NONE: Pointer = { current: null, can_go_back: false };

/** What a connection needs, as PEM. */
export interface SlotContent {
  readonly cert: string;
  readonly key: string;
  /** What signed the broker's certificate; null: the shipped Amazon Root CA 1. */
  readonly rootCa: string | null;
}

const FILES = { cert: 'cert.pem', key: 'key.pem', rootCa: 'root-ca.pem', request: 'csr.pem', pending: 'pending.json' } as const;
type SlotFile = keyof typeof FILES;

export class Slots {
  readonly folder: string;
  readonly announcements: Announcements;

  constructor(stateDir: string) {
    this.folder = join(stateDir, 'identity');
    this.announcements = new Announcements(this.folder);
  }

  /** The slot in use; undefined before there is a certificate. */
  get current(): SlotName | undefined {
    return this.#pointer().current ?? undefined;
  }

  /** Where the next one is made. */
  get spare(): SlotName {
    return this.current === 'a' ? 'b' : 'a';
  }

  get canGoBack(): boolean {
    return this.#pointer().can_go_back;
  }

  /** A key in the spare slot that is still to get its certificate, or to be used with the one it has. */
  get waitingKey(): string | undefined {
    return this.canGoBack ? undefined : this.read(this.spare, 'key');
  }

  path(slot: SlotName, file: SlotFile): string {
    return join(this.folder, slot, FILES[file]);
  }

  read(slot: SlotName, file: SlotFile): string | undefined {
    const path = this.path(slot, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  /** Durable when it returns; readable by its user only, as all of it. */
  write(slot: SlotName, file: SlotFile, text: string): void {
    if (slot !== this.current) this.#noWayBack();
    this.#makeFolder(join(this.folder, slot));
    replaceFile(this.path(slot, file), text);
  }

  remove(slot: SlotName, file: SlotFile): void {
    rmSync(this.path(slot, file), { force: true });
  }

  /** Forgets what is in a slot that is not in use. */
  empty(slot: SlotName): void {
    if (slot === this.current) throw new Error(`slot ${slot} is in use`);
    this.#noWayBack();
    rmSync(join(this.folder, slot), { recursive: true, force: true });
  }

  /** Puts a whole identity into the spare slot. @returns which that is; nothing uses it before {@link use}. */
  fill({ cert, key, rootCa }: SlotContent): SlotName {
    const slot = this.spare;
    // A key that was made here exists nowhere else: it is never written anew.
    if (this.waitingKey?.trim() !== key.trim()) {
      this.empty(slot);
      this.write(slot, 'key', key);
    }
    this.remove(slot, 'pending');
    crashPoint('identity_key_written');
    this.write(slot, 'cert', cert);
    if (rootCa !== null) this.write(slot, 'rootCa', rootCa);
    crashPoint('identity_filled');
    return slot;
  }

  /** From now on this slot counts, which the old key tells the cloud; the other one, if it served, can be gone back to. */
  use(slot: SlotName, thing: string): void {
    const { current } = this.#pointer();
    if (current === slot) return;
    if (current !== null) this.announcements.add(this.#announcement(thing, current, slot));
    this.#point({ current: slot, can_go_back: current !== null });
  }

  /** To what served before: the new one is refused. */
  goBack(): void {
    if (this.canGoBack) this.#point({ current: this.spare, can_go_back: true });
  }

  /** The new one has proved itself: the old key is removed. */
  retire(): void {
    if (this.canGoBack) this.empty(this.spare);
  }

  /** An old identity that can't be used any more says nothing, and stands in no way: then a person tells the cloud. */
  #announcement(thing: string, before: SlotName, next: SlotName): string | undefined {
    try {
      return announcementOf(
        thing,
        { cert: this.read(before, 'cert') ?? '', key: this.read(before, 'key') ?? '' },
        this.read(next, 'cert') ?? '',
      );
    } catch {
      return undefined;
    }
  }

  /** Said before the old one is touched. */
  #noWayBack(): void {
    if (this.canGoBack) this.#point({ current: this.current ?? null, can_go_back: false });
  }

  /** A garbled file must not make a robot forget who it is: then the slot that is whole counts. @throws where it may not be read. */
  #pointer(): Pointer {
    let text: string;
    try {
      text = readFileSync(join(this.folder, 'slots.json'), 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return NONE;
      throw error;
    }
    const parsed = pointer.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    const whole = (['a', 'b'] as const).find((slot) => this.read(slot, 'cert') && this.read(slot, 'key') && !this.read(slot, 'pending'));
    return whole === undefined ? NONE : { current: whole, can_go_back: false };
  }

  #point(to: Pointer): void {
    this.#makeFolder(this.folder);
    replaceFile(join(this.folder, 'slots.json'), `${JSON.stringify(to)}\n`);
  }

  #makeFolder(folder: string): void {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if ((lstatSync(folder).mode & 0o777) !== 0o700) chmodSync(folder, 0o700);
  }
}
