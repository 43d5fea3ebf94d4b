// Stores the robot's identity (certificate, key and root CA) in one of two slots in the state directory, so that a new identity can be
// created and tested in the other slot while the old one is in use. `slots.json` names the current slot and is replaced atomically, so even
// if the process is killed, the robot has either the old identity or the new one.
import { chmodSync, existsSync, lstatSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, crashPoint, makeFolder, parseJson, replaceFile } from '../base/index.ts';
import { Announcements, announcementOf } from './announcements.ts';

export type SlotName = 'a' | 'b';

const pointer = z.object({
  current: z.enum(['a', 'b']).nullable(),
  /** Whether the other slot still contains the previous identity, to which the robot can roll back. */
  can_go_back: z.boolean().default(false),
});
type Pointer = z.infer<typeof pointer>;

const NONE: Pointer = { current: null, can_go_back: false };

/** An identity as PEM texts. */
export interface SlotContent {
  readonly cert: string;
  readonly key: string;
  /** The broker's root CA. If null, the bundled Amazon Root CA 1 is used. */
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

  /** The slot in use; undefined if the robot has no identity yet. */
  get current(): SlotName | undefined {
    return this.#pointer().current ?? undefined;
  }

  /** The other slot: it holds the previous identity, or the next one while that is prepared. */
  get spare(): SlotName {
    return this.current === 'a' ? 'b' : 'a';
  }

  get canGoBack(): boolean {
    return this.#pointer().can_go_back;
  }

  /** The spare slot's key, unless it belongs to the previous identity. It is waiting for its certificate, or to be used. */
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

  /** Durably writes a file that only its owner can read. */
  write(slot: SlotName, file: SlotFile, text: string): void {
    if (slot !== this.current) this.#forbidRollback();
    this.#makeFolder(join(this.folder, slot));
    replaceFile(this.path(slot, file), text);
  }

  remove(slot: SlotName, file: SlotFile): void {
    rmSync(this.path(slot, file), { force: true });
  }

  /** Deletes the content of a slot, which must not be in use. */
  empty(slot: SlotName): void {
    if (slot === this.current) throw new Error(`slot ${slot} is in use`);
    this.#forbidRollback();
    rmSync(join(this.folder, slot), { recursive: true, force: true });
  }

  /** Writes a complete identity to the spare slot. The robot does not use it until {@link use} is called. @returns the slot */
  fill({ cert, key, rootCa }: SlotContent): SlotName {
    const slot = this.spare;
    // If this very key is already waiting in the slot, do not rewrite it: it was created on this robot, and no other copy exists.
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

  /** Switches to this slot, and stores an announcement for the cloud. Keeps the previous identity for a rollback. */
  async use(slot: SlotName, thing: string): Promise<void> {
    const { current } = this.#pointer();
    if (current === slot) return;
    if (current !== null) this.announcements.add(await this.#announcement(thing, current, slot));
    this.#point({ current: slot, can_go_back: current !== null });
  }

  /** Returns to the previous identity, for example if the broker refuses the new one. */
  goBack(): void {
    if (this.canGoBack) this.#point({ current: this.spare, can_go_back: true });
  }

  /** Deletes the previous identity, including its key. Call this once the new one has been proven to work. */
  retire(): void {
    if (this.canGoBack) this.empty(this.spare);
  }

  /** Returns undefined if the old identity is unusable, in which case an operator has to register the new certificate with the cloud. */
  async #announcement(thing: string, before: SlotName, next: SlotName): Promise<string | undefined> {
    const [cert, key, nextCert] = [this.read(before, 'cert'), this.read(before, 'key'), this.read(next, 'cert')];
    try {
      return await announcementOf(thing, { cert: cert ?? '', key: key ?? '' }, nextCert ?? '');
    } catch {
      return undefined;
    }
  }

  /** Must be called before any file in the spare slot is changed, because a rollback to a half-overwritten identity would fail. */
  #forbidRollback(): void {
    if (this.canGoBack) this.#point({ current: this.current ?? null, can_go_back: false });
  }

  /** If `slots.json` is damaged, falls back to a slot with a complete identity. @throws if the file exists but can't be read */
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
    makeFolder(folder, 0o700);
    if ((lstatSync(folder).mode & 0o777) !== 0o700) chmodSync(folder, 0o700);
  }
}
