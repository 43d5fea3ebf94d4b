// `elderly-bot certs import`: imports certificate files, such as those from the AWS console, under any names. All checks run first. The
// import is atomic: if the process is killed, the robot has either the old identity or the new one.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint, messageOf, print } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { AMAZON_ROOT_CA, choose, type Finding, type HandedFile, type SlotContent, verifyIdentity } from '../../identity/index.ts';
import { loadRobot, type Robot, warnOwnPaths, withCertsLock } from './robot.ts';
import { describeFinding } from './verify.ts';

/** Size limit for files found in a directory. No key or certificate is that large, so larger files are skipped unread. */
const MAX_BYTES = 256 * 1024;

export async function importFiles(file: string | undefined, paths: readonly string[], json: boolean): Promise<number> {
  const robot = await loadRobot(file);
  // Read the files before withCertsLock switches from root to the agent's user, who may not be able to read them.
  const given = paths.flatMap(readGiven);
  return withCertsLock(robot, async () => {
    const { slots, config } = robot;
    const chosen = choose(given, config.thing, ownKeys(robot));
    if (!chosen.content) throw new AgentError('CERTIFICATE_UNFIT', chosen.reason, { remedy: chosen.remedy });
    const content = withRoot(robot, chosen.content);
    const findings = await check(robot, content);
    const slot = slots.fill(content);
    await slots.use(slot, config.thing);
    crashPoint('identity_taken');
    const lines = [
      `imported into slot ${slot}, from ${chosen.files.join(', ')}`,
      ...findings.map(describeFinding),
      'next: elderly-bot certs verify --online; a running agent takes it by itself within about ten seconds',
    ];
    await print(json ? JSON.stringify({ slot, files: chosen.files, findings }) : lines);
    warnOwnPaths(robot);
    return 0;
  });
}

/** Reads a file, or all files directly in a directory. @throws AgentError CERTIFICATE_MISSING if one is unreadable */
function readGiven(path: string): HandedFile[] {
  try {
    if (!statSync(path).isDirectory()) return [{ path, text: readFileSync(path, 'utf8') }];
    const entries = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
    const files = entries.map(({ name }) => join(path, name)).filter((each) => statSync(each).size <= MAX_BYTES);
    return files.map((each) => ({ path: each, text: readFileSync(each, 'utf8') }));
  } catch (cause) {
    throw new AgentError('CERTIFICATE_MISSING', `${path} can't be read: ${messageOf(cause)}`, {
      remedy: 'give the files that the AWS console offered for download, or their folder',
      cause,
    });
  }
}

/** Keys already on this robot: one from `certs init` that awaits its certificate, and the current one, whose certificate may be renewed. */
function ownKeys({ slots }: Robot): HandedFile[] {
  const { current, spare, waitingKey } = slots;
  const used = current === undefined ? undefined : slots.read(current, 'key');
  return [
    ...(waitingKey === undefined ? [] : [{ path: slots.path(spare, 'key'), text: waitingKey }]),
    ...(current === undefined || used === undefined ? [] : [{ path: slots.path(current, 'key'), text: used }]),
  ];
}

/** Falls back to the current slot's root CA if the imported files contain none. */
function withRoot({ slots }: Robot, content: SlotContent): SlotContent {
  const { current } = slots;
  return { ...content, rootCa: content.rootCa ?? (current === undefined ? undefined : slots.read(current, 'rootCa')) ?? null };
}

/** @returns all findings if none of them prevents a connection. @throws AgentError CERTIFICATE_UNFIT listing every one that does. */
async function check({ config, clock, isIotCore }: Robot, { cert, key, rootCa }: SlotContent): Promise<Finding[]> {
  const findings = await verifyIdentity({
    cert,
    key,
    rootCa: rootCa ?? readFileSync(config.mqtt.root_ca ?? AMAZON_ROOT_CA, 'utf8'),
    thing: config.thing,
    isIotCore,
    nowMs: clock.wall(),
    isClockTrusted: clock.trusted(),
  });
  // A wrong clock makes it impossible to check the dates. They are probably fine, so do not refuse the import because of it.
  const errors = findings.filter(({ severity, code }) => severity === 'error' && code !== 'clock_wrong');
  if (errors.length === 0) return findings;
  throw new AgentError('CERTIFICATE_UNFIT', `nothing was imported: ${errors.map(({ observed }) => observed).join('; ')}`, {
    remedy: errors[0]?.remedy ?? '',
    fields: { findings: errors },
  });
}
