// Checks the agent's storage: the state directory, its disk and the outbox file. The checks modify nothing, except that the latency check
// writes, syncs and removes a small temporary file.
import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { access, open, readFile, realpath, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, messageOf, quoted } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { inspectOutboxFile, LEAST_FREE_BYTES, OUTBOX_FILE, OutboxReader } from '../../outbox/index.ts';
import { requireOwnFolder } from '../../state/index.ts';
import { error, type Finding, ok, skipped, warning } from '../check.ts';
import { robotCheck } from '../context.ts';

const MIB = 1024 ** 2;
const SYNCS = 20;
const SLOW_MS = 100;
const TOO_SLOW_MS = 1_000;
const ALERTS_LATE_MS = 5 * 60_000;
const LATE_MS = 6 * 3_600_000;

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}

/** Returns the path itself, or its nearest existing ancestor. */
async function existing(path: string): Promise<string> {
  const parent = dirname(path);
  return parent === path || (await statOf(path)) ? path : existing(parent);
}

/** A command that examines the robot as the service's user, in its environment, and without shared memory, which that user cannot use. */
function asService(user: number, flag: string): string {
  const like = `-p User=${user} -p InaccessiblePaths=/dev/shm -p EnvironmentFile=-/etc/default/elderly-bot`;
  return `sudo systemd-run --pty --collect --same-dir ${like} "$(command -v elderly-bot)" doctor${flag}`;
}

export const stateDir = robotCheck('state_dir', 10_000, async ({ config, flag }): Promise<Finding> => {
  const path = config.state_dir;
  const install = `sudo install -d -m 0700 -o "$(id -un)" ${path}`;
  try {
    const folder = await statOf(path);
    if (!folder) {
      await access(await existing(path), constants.W_OK | constants.X_OK);
      return ok(`${path} does not exist yet; the agent creates it`);
    }
    if (!folder.isDirectory()) return error(`${path} is not a folder`, 'set state_dir to a folder of its own', `ls -ld ${quoted(path)}`);
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    // Root may look at the folder of any agent.
    if (process.geteuid?.() !== 0) requireOwnFolder(path);
    const described = `${path} has mode 0${(folder.mode & 0o777).toString(8)}`;
    if (folder.mode & 0o077)
      return warning(
        `${described}: other users can reach its content`,
        'close it; the agent does that at its next start',
        `chmod 700 ${quoted(path)}`,
      );
    return ok(`${described} and owner ${folder.uid}`);
  } catch (cause) {
    if (cause instanceof AgentError) return error(cause.message, cause.remedy ?? '', `ls -ld ${quoted(path)}`);
    const code = codeOf(cause);
    if (code === 'EROFS') {
      const remedy = 'mount it writable; the kernel makes a file system read-only after errors, so check the disk';
      return error(`${path} is on a read-only file system`, remedy, 'dmesg | tail');
    }
    if (code === 'EACCES') {
      const user = process.getuid?.() ?? '?';
      const observed = `user ${user} may not write ${path}`;
      const owner = (await statOf(path).catch(() => undefined))?.uid;
      if (owner === undefined || owner === user)
        return error(observed, 'run this as the agent’s user, or make that user the owner of the folder', install);
      // A new owner would take the folder from the running service.
      return error(`${observed}, which belongs to user ${owner}`, 'run this as that user, and as the service runs', asService(owner, flag));
    }
    return error(`${path}: ${messageOf(cause)}`, 'set state_dir to a folder that can be created and written', install);
  }
});

export const diskSpace = robotCheck('disk_space', 10_000, async ({ config }) => {
  const path = await existing(config.state_dir);
  const { bavail, bsize, files, ffree } = await statfs(path);
  const free = bavail * bsize;
  const used = (await statOf(join(config.state_dir, OUTBOX_FILE)))?.size ?? 0;
  const wanted = Math.max(0, config.outbox.max_size - used) + (config.uploads.api === null ? 0 : config.uploads.max_size);
  const observed = `${size(free)} free at ${path}`;
  const command = `df -h ${quoted(path)}`;
  if (free < LEAST_FREE_BYTES) return error(observed, 'free space on this disk', command);
  if (files > 0 && ffree === 0)
    return error(`no file can be created at ${path}: all ${files} inodes are used`, 'remove files', `df -i ${quoted(path)}`);
  if (free >= wanted) return ok(observed);
  const remedy = 'free space, or lower outbox.max_size and uploads.max_size';
  return warning(`${observed}; outbox and uploads may use ${size(wanted)} more`, remedy, command);
});

export const diskLatency = robotCheck('disk_latency', 30_000, async ({ config }) => {
  const path = config.state_dir;
  if (!(await statOf(path))) return skipped(`${path} does not exist yet`);
  const file = join(path, `doctor-${randomBytes(6).toString('hex')}.tmp`);
  const durations: number[] = [];
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      for (let i = 0; i < SYNCS; i++) {
        const startedMs = performance.now();
        await handle.write(Buffer.alloc(4096, i));
        await handle.sync();
        durations.push(performance.now() - startedMs);
      }
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const remedy = 'check the disk, its free space and the permissions of the folder';
    return error(`a file cannot be written in ${path}: ${messageOf(cause)}`, remedy, `df -h ${quoted(path)}`);
  } finally {
    await rm(file, { force: true }).catch(() => {});
  }
  durations.sort((a, b) => a - b);
  const [median = 0, worst = 0] = [durations[Math.floor(durations.length / 2)], durations.at(-1)];
  const observed = `a synced write takes ${median.toFixed(1)} ms, the slowest of ${SYNCS} took ${worst.toFixed(1)} ms`;
  const remedy = 'find other programs that write to this disk';
  if (median > TOO_SLOW_MS) return error(observed, `${remedy}, or replace a worn card`, 'iostat -x 1 5');
  if (median > SLOW_MS) return warning(`${observed}; each alert waits for such a write`, remedy, 'iostat -x 1 5');
  return ok(observed);
});

export const diskWear = robotCheck('disk_wear', 5_000, async ({ config }) => {
  const { dev } = await stat(await existing(config.state_dir));
  const device = await realpath(`/sys/dev/block/${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`).catch(() => undefined);
  const read = (file: string) =>
    readFile(file, 'utf8').then(
      (text) => text.trim(),
      () => undefined,
    );
  // Under /sys, a partition's directory is inside its disk's, and only the disk's has the wear files, so try both.
  for (const disk of device === undefined ? [] : [device, dirname(device)]) {
    const wear = wearOf(await read(join(disk, 'device/life_time')), await read(join(disk, 'device/pre_eol_info')));
    if (wear === undefined) continue;
    if (!wear.isWorn) return ok(wear.text);
    const report = wear.isOver ? error : warning;
    return report(wear.text, 'replace the card or disk before it fails', `cat ${disk}/device/life_time`);
  }
  return skipped('the disk does not report its wear');
});

interface Wear {
  readonly text: string;
  readonly isWorn: boolean;
  /** Whether the device is past its rated life or nearly out of spare blocks. */
  readonly isOver: boolean;
}

/** Warn from this step on. At step N, up to N * 10 % of the rated life has been used; step 11 means more than all of it. */
const WORN_STEP = 9;
const OVER_STEP = 11;
const PRE_EOL = { warning: 2, urgent: 3 } as const;

/**
 * Interprets the wear that an eMMC reports: DEVICE_LIFE_TIME_EST and PRE_EOL_INFO of JEDEC eMMC 5.0, which Linux exposes under /sys.
 * @param lifeTime such as `0x02 0x01`. @param preEol such as `0x01`. @returns undefined if the disk does not report its wear.
 */
export function wearOf(lifeTime: string | undefined, preEol: string | undefined): Wear | undefined {
  const steps = (lifeTime ?? '').split(/\s+/).filter(Boolean).map(Number);
  const step = Math.max(0, ...steps.filter(Number.isFinite));
  const spares = Number(preEol ?? 0);
  if (step === 0 && !(spares > 0)) return undefined;
  const used = step >= OVER_STEP ? 'more than its rated life' : `up to ${step * 10} % of its rated life`;
  const left =
    spares === PRE_EOL.urgent ? ', nearly no spare blocks' : spares === PRE_EOL.warning ? ', 80 % of its spare blocks are used' : '';
  const isOver = step >= OVER_STEP || spares >= PRE_EOL.urgent;
  return { text: `the disk has used ${used}${left}`, isOver, isWorn: isOver || step >= WORN_STEP || spares >= PRE_EOL.warning };
}

export const outboxFile = robotCheck('outbox_file', 120_000, async ({ config, flag }, signal) => {
  const path = join(config.state_dir, OUTBOX_FILE);
  const file = await statOf(path).catch(() => undefined);
  if (!file) return skipped(`there is no ${path} yet`);
  const damage = await inspectOutboxFile(config.state_dir, signal).catch(messageOf);
  if (damage === undefined) return ok(`${path}, ${size(file.size)}, every page is intact`);
  return error(
    `${path} is damaged: ${damage.replaceAll('\n', '; ').slice(0, 200)}`,
    'start the agent: it saves all readable rows, declares the others to the cloud, and keeps the old file beside the new one; then check the disk',
    `elderly-bot outbox verify${flag}`,
  );
});

export const outboxBacklog = robotCheck('outbox_backlog', 20_000, async ({ config, flag }) => {
  if (!(await statOf(join(config.state_dir, OUTBOX_FILE)).catch(() => undefined))) return skipped('there is no outbox yet');
  let reader: OutboxReader | undefined;
  try {
    reader = OutboxReader.open(config.state_dir);
    const { classes } = reader.stats();
    const ageMs = (at: number | null) => (at === null ? 0 : Date.now() - at);
    const held = Object.entries(classes).map(([name, { pending, sent }]) => `${pending + sent} ${name}`);
    const observed = `held: ${held.join(', ')}`;
    const oldestMs = Math.max(...Object.values(classes).map(({ oldest_at: at }) => ageMs(at)));
    const alertMs = ageMs(classes.alert.oldest_at);
    const remedy = 'repair the connection to the cloud; no data is lost in the meantime';
    const command = `elderly-bot outbox stats${flag}`;
    if (alertMs > ALERTS_LATE_MS)
      return error(`${observed}; an alert has waited for ${Math.round(alertMs / 60_000)} minutes`, remedy, command);
    if (oldestMs > LATE_MS)
      return warning(`${observed}; the oldest has waited for ${Math.round(oldestMs / 3_600_000)} hours`, remedy, command);
    return ok(oldestMs > 0 ? `${observed}; the oldest has waited for ${Math.round(oldestMs / 1_000)} s` : observed);
  } catch (cause) {
    return skipped(messageOf(cause), 'outbox_file', 'state_dir');
  } finally {
    reader?.close();
  }
});

function size(bytes: number): string {
  return bytes >= 1024 ** 3 ? `${(bytes / 1024 ** 3).toFixed(1)} GiB` : `${Math.round(bytes / MIB)} MiB`;
}
