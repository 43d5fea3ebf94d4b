// `elderly-bot certs import`: imports the files from the AWS console under any names. All checks run first, and the import is one step:
// after a kill the robot has either the old identity or the new one.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint, messageOf, print } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { AMAZON_ROOT_CA, choose, type Finding, type HandedFile, type SlotContent, verifyIdentity } from '../../identity/index.ts';
import { loadRobot, type Robot, warnOwnPaths, withCertsLock } from './robot.ts';
import { describeFinding } from './verify.ts';

/** Larger files in a folder are ignored, because no key or certificate is that large. */
const MAX_BYTES = 256 * 1024;

export async function importFiles(file: string | undefined, paths: readonly string[], json: boolean): Promise<number> {
  const robot = loadRobot(file);
  // The files are read before the user changes, because they may belong to root.
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
      'next: elderly-bot certs verify --online; elderly-bot reload makes a running agent use it',
    ];
    await print(json ? JSON.stringify({ slot, files: chosen.files, findings }) : lines.join('\n'));
    warnOwnPaths(robot);
    return 0;
  });
}

/** Reads a file, or the files in a folder. @throws AgentError CERTIFICATE_MISSING */
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

/** The keys that this robot created: one that waits for its certificate, and the one in use, because a CA may have renewed its certificate. */
function ownKeys({ slots }: Robot): HandedFile[] {
  const { current, spare, waitingKey } = slots;
  const used = current === undefined ? undefined : slots.read(current, 'key');
  return [
    ...(waitingKey === undefined ? [] : [{ path: slots.path(spare, 'key'), text: waitingKey }]),
    ...(current === undefined || used === undefined ? [] : [{ path: slots.path(current, 'key'), text: used }]),
  ];
}

/** Keeps the current root CA if the files contain none. */
function withRoot({ slots }: Robot, content: SlotContent): SlotContent {
  const { current } = slots;
  return { ...content, rootCa: content.rootCa ?? (current === undefined ? undefined : slots.read(current, 'rootCa')) ?? null };
}

/** @returns warnings. @throws AgentError CERTIFICATE_UNFIT that lists every fault which prevents a connection. */
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
  // If the clock is wrong, the dates can't be checked. The certificate is probably valid, so the import continues.
  const errors = findings.filter(({ severity, code }) => severity === 'error' && code !== 'clock_wrong');
  if (errors.length === 0) return findings;
  throw new AgentError('CERTIFICATE_UNFIT', `nothing was imported: ${errors.map(({ observed }) => observed).join('; ')}`, {
    remedy: errors[0]?.remedy ?? '',
    fields: { findings: errors },
  });
}
