// Creates a small file system for the state directory (root): ext4 in an image file, whose power can be cut, or tmpfs.
import { execFile } from 'node:child_process';
import { closeSync, mkdirSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** FS_IOC_SHUTDOWN with NOLOGFLUSH stops the file system at once without writing anything more to the device. */
const CUT = 'import fcntl,os,struct,sys;fcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),0x8004587d,struct.pack("I",2))';

const UNMOUNT_TRIES = 50;
const TRY_EVERY_MS = 20;

export class Volume {
  readonly #folder: string;
  readonly #image: string | undefined;
  #mounted = false;

  private constructor(folder: string, image?: string) {
    this.#folder = folder;
    this.#image = image;
  }

  /** Mounts an ext4 in `<folder>.img` at `folder`. */
  static async ext4(folder: string, bytes: number): Promise<Volume> {
    const image = `${folder}.img`;
    writeFileSync(image, '');
    truncateSync(image, bytes);
    await run('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
    const volume = new Volume(folder, image);
    await volume.mount();
    return volume;
  }

  static async tmpfs(folder: string, bytes: number): Promise<Volume> {
    mkdirSync(folder, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]);
    const volume = new Volume(folder);
    volume.#mounted = true;
    return volume;
  }

  async mount(): Promise<void> {
    if (this.#image === undefined) throw new Error('a tmpfs is gone when it is unmounted');
    mkdirSync(this.#folder, { recursive: true });
    await run('mount', ['-o', 'loop', this.#image, this.#folder]);
    this.#mounted = true;
  }

  /** Makes it read-only although programs write to it, as the kernel does after an error of the disk. See {@link repair}. */
  async abort(): Promise<void> {
    // The command may fail although the file system has aborted, if a commit of its journal was under way.
    await run('mount', ['-o', 'remount,abort', this.#folder]).catch(() => {});
    const canWrite = () => {
      try {
        writeFileSync(join(this.#folder, 'canary'), 'x');
        return true;
      } catch {
        return false;
      }
    };
    if (canWrite()) throw new Error(`${this.#folder} can still be written`);
  }

  /** Makes it read-only. Fails if a program has a file open for writing. */
  async makeReadOnly(): Promise<void> {
    await run('mount', ['-o', 'remount,ro', this.#folder]);
  }

  /** Cuts the power. Unsynced data is lost. The mount point remains until {@link unmount}. */
  async cut(): Promise<void> {
    await run('python3', ['-c', CUT, this.#folder]);
  }

  /** Checks and mounts it again, as after a start of the machine. No program may use it. */
  async repair(): Promise<void> {
    await this.unmount();
    // It exits with 1 if it has corrected something.
    await run('e2fsck', ['-f', '-y', this.#image ?? '']).catch((error: { code?: number }) => {
      if (error.code !== 1) throw error;
    });
    await this.mount();
  }

  async unmount(): Promise<void> {
    if (!this.#mounted) return;
    for (let attempt = 1; ; attempt++) {
      try {
        await run('umount', [this.#folder]);
        this.#mounted = false;
        return;
      } catch (error) {
        if (attempt === UNMOUNT_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
      }
    }
  }
}

/** Writes a file that takes all free blocks. */
export function fillUp(folder: string): string {
  const file = join(folder, 'filler');
  const descriptor = openSync(file, 'w');
  try {
    for (let bytes = 1024 ** 2; bytes >= 4_096; bytes /= 4) writeUntilFull(descriptor, Buffer.alloc(bytes, 1));
  } finally {
    closeSync(descriptor);
  }
  return file;
}

function writeUntilFull(descriptor: number, block: Buffer): void {
  try {
    while (writeSync(descriptor, block) === block.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
