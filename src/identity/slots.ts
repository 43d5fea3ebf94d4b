// Stores the robot's keys in two slots of the state directory, so that a new identity can be created and tested while the old identity
// is in use. `slots.json` names the slot in use and is replaced atomically: after a kill the robot has the old identity or the new one.
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { codeOf, crashPoint, parseJson, replaceFile } from '../base/index.ts';
import { Announcements, announcementOf } from './announcements.ts';

export type SlotName = 'a' | 'b';

const pointer = z.object({
  current: z.enum(['a', 'b']).nullable(),
  /** Whether the other slot still has the previous identity, for a rollback. */
  can_go_back: z.boolean().default(false),
});
type Pointer = z.infer<typeof pointer>;

const NONE: Pointer = { current: null, can_go_back: false };

/** The PEM files of an identity. */
export interface SlotContent {
  readonly cert: string;
  readonly key: string;
  /** Root of the broker's certificate. Null selects the packaged Amazon Root CA 1. */
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

  /** The slot in use. Undefined if there is no certificate. */
  get current(): SlotName | undefined {
    return this.#pointer().current ?? undefined;
  }

  /** The slot for the next identity. */
  get spare(): SlotName {
    return this.current === 'a' ? 'b' : 'a';
  }

  get canGoBack(): boolean {
    return this.#pointer().can_go_back;
  }

  /** A key in the spare slot that waits for its certificate or for its first use. */
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

  /** Writes a file durably. Only its owner can read it. */
  write(slot: SlotName, file: SlotFile, text: string): void {
    if (slot !== this.current) this.#forbidRollback();
    this.#makeFolder(join(this.folder, slot));
    replaceFile(this.path(slot, file), text);
  }

  remove(slot: SlotName, file: SlotFile): void {
    rmSync(this.path(slot, file), { force: true });
  }

  /** Clears a slot that is not in use. */
  empty(slot: SlotName): void {
    if (slot === this.current) throw new Error(`slot ${slot} is in use`);
    this.#forbidRollback();
    rmSync(join(this.folder, slot), { recursive: true, force: true });
  }

  /** Writes a complete identity into the spare slot. The robot does not use it before {@link use}. @returns the slot */
  fill({ cert, key, rootCa }: SlotContent): SlotName {
    const slot = this.spare;
    // Does not rewrite a waiting key that equals this key: it was created on this robot and exists nowhere else.
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

  /** Switches to this slot, and stores an announcement for the cloud. The previous slot stays for a rollback. */
  async use(slot: SlotName, thing: string): Promise<void> {
    const { current } = this.#pointer();
    if (current === slot) return;
    if (current !== null) this.announcements.add(await this.#announcement(thing, current, slot));
    this.#point({ current: slot, can_go_back: current !== null });
  }

  /** Returns to the previous identity after the broker refused the new identity. */
  goBack(): void {
    if (this.canGoBack) this.#point({ current: this.spare, can_go_back: true });
  }

  /** Confirms the new identity and deletes the old key. */
  retire(): void {
    if (this.canGoBack) this.empty(this.spare);
  }

  /** @returns undefined if the old identity is unusable. A person must then add the new certificate to the cloud. */
  async #announcement(thing: string, before: SlotName, next: SlotName): Promise<string | undefined> {
    const [cert, key, nextCert] = [this.read(before, 'cert'), this.read(before, 'key'), this.read(next, 'cert')];
    try {
      return await announcementOf(thing, { cert: cert ?? '', key: key ?? '' }, nextCert ?? '');
    } catch {
      return undefined;
    }
  }

  /** The caller must call this before it changes the previous identity. */
  #forbidRollback(): void {
    if (this.canGoBack) this.#point({ current: this.current ?? null, can_go_back: false });
  }

  /** If `slots.json` is damaged, selects the complete slot, so that the robot keeps its identity. @throws if the file is not readable. */
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
