// The agent's storage: the state directory, its disk, the outbox file. The checks change nothing but a small file, which they write, sync
// and remove again.
import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { access, open, readFile, realpath, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, messageOf, quoted } from '../../base/index.ts';
import { inspectOutboxFile, LEAST_FREE_BYTES, OUTBOX_FILE, OutboxReader } from '../../outbox/index.ts';
import type { Finding } from '../check.ts';
import { ok, robotCheck, skipped } from '../context.ts';
import { wearOf } from './wear.ts';

const MIB = 1024 ** 2;
const SYNCS = 20;
const SLOW_MS = 100;
const TOO_SLOW_MS = 1_000;
const ALERTS_LATE_MS = 5 * 60_000;
const LATE_MS = 6 * 3_600_000;

async function found(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export const stateDir = robotCheck('state_dir', 10_000, async ({ config }): Promise<Finding> => {
  const path = config.state_dir;
  const own = `sudo install -d -m 0700 -o "$(id -un)" ${path}`;
  try {
    const folder = await found(path);
    if (!folder) {
      const parent = await nearest(path);
      await access(parent, constants.W_OK | constants.X_OK);
      return ok(`${path} does not exist yet; the agent creates it`);
    }
    if (!folder.isDirectory())
      return {
        status: 'error',
        observed: `${path} is not a folder`,
        remedy: 'set state_dir to a folder of its own',
        command: `ls -ld ${quoted(path)}`,
      };
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    if (folder.mode & 0o022) {
      const observed = `${path} has mode 0${(folder.mode & 0o777).toString(8)}: other users can change its content`;
      return { status: 'warning', observed, remedy: 'let only the agent’s user change it', command: `chmod go-w ${quoted(path)}` };
    }
    return ok(`${path}, mode 0${(folder.mode & 0o777).toString(8)}, owner ${folder.uid}`);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EROFS')
      return {
        status: 'error',
        observed: `${path} is on a read-only file system`,
        remedy: 'mount it writable; the kernel makes a file system read-only after errors, so check the disk',
        command: 'dmesg | tail',
      };
    if (code === 'EACCES')
      return {
        status: 'error',
        observed: `user ${process.getuid?.() ?? '?'} may not write ${path}`,
        remedy: 'run this as the agent’s user, or give the folder to that user',
        command: own,
      };
    return {
      status: 'error',
      observed: `${path}: ${messageOf(error)}`,
      remedy: 'set state_dir to a folder that can be created and written',
      command: own,
    };
  }
});

async function nearest(path: string): Promise<string> {
  const parent = dirname(path);
  return parent === path || (await found(parent)) ? parent : nearest(parent);
}

export const diskSpace = robotCheck('disk_space', 10_000, async ({ config }): Promise<Finding> => {
  const path = (await found(config.state_dir)) ? config.state_dir : await nearest(config.state_dir);
  const { bavail, bsize, files, ffree } = await statfs(path);
  const free = bavail * bsize;
  const used = (await found(join(config.state_dir, OUTBOX_FILE)))?.size ?? 0;
  const wanted = Math.max(0, config.outbox.max_size - used) + (config.uploads.api === null ? 0 : config.uploads.max_size);
  const observed = `${size(free)} free at ${path}`;
  const command = `df -h ${quoted(path)}`;
  if (free < LEAST_FREE_BYTES) return { status: 'error', observed, remedy: 'free space on this disk', command };
  if (files > 0 && ffree === 0)
    return {
      status: 'error',
      observed: `no file can be created at ${path}: all ${files} inodes are used`,
      remedy: 'remove files',
      command: `df -i ${quoted(path)}`,
    };
  if (free < wanted) {
    return {
      status: 'warning',
      observed: `${observed}; outbox and uploads may take ${size(wanted)} more`,
      remedy: 'free space, or lower outbox.max_size and uploads.max_size',
      command,
    };
  }
  return ok(observed);
});

export const diskLatency = robotCheck('disk_latency', 30_000, async ({ config }): Promise<Finding> => {
  const path = config.state_dir;
  if (!(await found(path))) return skipped(`${path} does not exist yet`);
  const file = join(path, `doctor-${randomBytes(6).toString('hex')}.tmp`);
  const took: number[] = [];
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      for (let i = 0; i < SYNCS; i++) {
        const startedMs = performance.now();
        await handle.write(Buffer.alloc(4096, i));
        await handle.sync();
        took.push(performance.now() - startedMs);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    return {
      status: 'error',
      observed: `a file cannot be written in ${path}: ${messageOf(error)}`,
      remedy: 'check the disk, its free space and the rights of the folder',
      command: `df -h ${quoted(path)}`,
    };
  } finally {
    await rm(file, { force: true }).catch(() => {});
  }
  took.sort((a, b) => a - b);
  const [middle = 0, worst = 0] = [took[Math.floor(took.length / 2)], took.at(-1)];
  const observed = `a synced write takes ${middle.toFixed(1)} ms, at worst ${worst.toFixed(1)} ms of ${SYNCS}`;
  if (middle > TOO_SLOW_MS)
    return {
      status: 'error',
      observed,
      remedy: 'find other programs that write to this disk, or replace a worn card',
      command: 'iostat -x 1 5',
    };
  if (middle > SLOW_MS)
    return {
      status: 'warning',
      observed: `${observed}; each alert waits for such a write`,
      remedy: 'find other programs that write to this disk',
      command: 'iostat -x 1 5',
    };
  return ok(observed);
});

export const diskWear = robotCheck('disk_wear', 5_000, async ({ config }): Promise<Finding> => {
  const folder = await stat((await found(config.state_dir)) ? config.state_dir : await nearest(config.state_dir));
  const device = `/sys/dev/block/${(folder.dev >> 8) & 0xfff}:${(folder.dev & 0xff) | ((folder.dev >> 12) & 0xfff00)}`;
  const read = (name: string) =>
    readFile(name, 'utf8').then(
      (text) => text.trim(),
      () => undefined,
    );
  const real = await realpath(device).catch(() => undefined);
  if (real === undefined) return skipped('the disk does not report its wear');
  // The folder of a partition is in the folder of its disk.
  const disks = [real, dirname(real)];
  for (const disk of disks) {
    const wear = wearOf(await read(join(disk, 'device/life_time')), await read(join(disk, 'device/pre_eol_info')));
    if (wear === undefined) continue;
    if (wear.isWorn)
      return {
        status: wear.isOver ? 'error' : 'warning',
        observed: wear.text,
        remedy: 'replace the card or disk before it fails',
        command: `cat ${disk}/device/life_time`,
      };
    return ok(wear.text);
  }
  return skipped('the disk does not report its wear');
});

export const outboxFile = robotCheck('outbox_file', 120_000, async ({ config, flag }, signal): Promise<Finding> => {
  const path = join(config.state_dir, OUTBOX_FILE);
  const file = await found(path).catch(() => undefined);
  if (!file) return skipped(`there is no ${path} yet`);
  const damaged = await inspectOutboxFile(config.state_dir, signal).catch(messageOf);
  if (damaged !== undefined) {
    const remedy =
      'start the agent: it saves all readable rows, declares the others to the cloud, and keeps the old file beside the new one; then check the disk';
    return {
      status: 'error',
      observed: `${path} is damaged: ${damaged.replaceAll('\n', '; ').slice(0, 200)}`,
      remedy,
      command: `elderly-bot outbox verify${flag}`,
    };
  }
  return ok(`${path}, ${size(file.size)}, every page is whole`);
});

export const outboxBacklog = robotCheck('outbox_backlog', 20_000, async ({ config, flag }): Promise<Finding> => {
  const path = join(config.state_dir, OUTBOX_FILE);
  if (!(await found(path).catch(() => undefined))) return skipped('there is no outbox yet');
  let reader: OutboxReader;
  try {
    reader = OutboxReader.open(config.state_dir);
  } catch (error) {
    return { ...skipped(messageOf(error)), because: ['outbox_file', 'state_dir'] };
  }
  try {
    const { classes } = reader.stats();
    const held = Object.entries(classes).map(([name, { pending, sent }]) => `${pending + sent} ${name}`);
    const age = (at: number | null) => (at === null ? 0 : Date.now() - at);
    const observed = `held: ${held.join(', ')}`;
    const command = `elderly-bot outbox stats${flag}`;
    const oldest = Math.max(...Object.values(classes).map(({ oldest_at: at }) => age(at)));
    const alertMs = age(classes.alert.oldest_at);
    if (alertMs > ALERTS_LATE_MS) {
      return {
        status: 'error',
        observed: `${observed}; an alert waits for ${Math.round(alertMs / 60_000)} minutes`,
        remedy: 'repair the connection to the cloud; nothing is lost meanwhile',
        command,
      };
    }
    if (oldest > LATE_MS) {
      return {
        status: 'warning',
        observed: `${observed}; the oldest waits for ${Math.round(oldest / 3_600_000)} hours`,
        remedy: 'repair the connection to the cloud; nothing is lost meanwhile',
        command,
      };
    }
    return ok(oldest > 0 ? `${observed}; the oldest waits for ${Math.round(oldest / 1_000)} s` : observed);
  } catch (error) {
    return { ...skipped(messageOf(error)), because: ['outbox_file'] };
  } finally {
    reader.close();
  }
});

function size(bytes: number): string {
  return bytes >= 1024 ** 3 ? `${(bytes / 1024 ** 3).toFixed(1)} GiB` : `${Math.round(bytes / MIB)} MiB`;
}
