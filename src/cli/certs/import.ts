// `elderly-bot certs import`: what the AWS console gave, under any names. Everything is checked before anything is taken, and it is
// taken in one step: after a kill the robot has the old identity or the new one.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint, messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { AMAZON_ROOT_CA, choose, type Finding, type HandedFile, type SlotContent, verifyIdentity } from '../../identity/index.ts';
import { describeFinding } from './findings.ts';
import { changing, hasOwnPaths, OWN_PATHS_NOTE, type Robot, robotOf } from './robot.ts';

/** Of a folder, larger files are none of ours. */
const MAX_BYTES = 256 * 1024;

export async function importFiles(file: string | undefined, paths: readonly string[], json: boolean): Promise<number> {
  const robot = robotOf(file);
  // Read before the user changes: what was downloaded may be root's.
  const handed = paths.flatMap(readHanded);
  return changing(robot, async () => {
    const { slots, config } = robot;
    const chosen = choose(handed, config.thing, ownKeys(robot));
    if (!chosen.content) throw new AgentError('CERTIFICATE_UNFIT', chosen.reason, { remedy: chosen.remedy });
    const content = withRoot(robot, chosen.content);
    const findings = await check(robot, content);
    const slot = slots.fill(content);
    await slots.use(slot, config.thing);
    crashPoint('identity_taken');
    if (json) process.stdout.write(`${JSON.stringify({ slot, files: chosen.files, findings })}\n`);
    else {
      process.stdout.write(`taken into slot ${slot}, from ${chosen.files.join(', ')}\n`);
      for (const finding of findings) process.stdout.write(`${describeFinding(finding)}\n`);
      process.stdout.write('next: elderly-bot certs verify --online; a running agent takes it with elderly-bot reload\n');
    }
    if (hasOwnPaths(robot)) process.stderr.write(`elderly-bot: ${OWN_PATHS_NOTE}\n`);
    return 0;
  });
}

/** A folder's files, or the file itself. @throws AgentError CERTIFICATE_MISSING */
function readHanded(path: string): HandedFile[] {
  try {
    if (!statSync(path).isDirectory()) return [{ path, text: readFileSync(path, 'utf8') }];
    const inside = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
    const files = inside.map(({ name }) => join(path, name)).filter((each) => statSync(each).size <= MAX_BYTES);
    return files.map((each) => ({ path: each, text: readFileSync(each, 'utf8') }));
  } catch (cause) {
    throw new AgentError('CERTIFICATE_MISSING', `${path} can't be read: ${messageOf(cause)}`, {
      remedy: 'give the files the AWS console offered for download, or their folder',
      cause,
    });
  }
}

/** The keys that were made here: one that waits for its certificate, and the one in use, of which a CA may have made a new certificate. */
function ownKeys({ slots }: Robot): HandedFile[] {
  const { current, spare } = slots;
  const waiting = slots.waitingKey;
  const used = current === undefined ? undefined : slots.read(current, 'key');
  return [
    ...(waiting === undefined ? [] : [{ path: slots.path(spare, 'key'), text: waiting }]),
    ...(current === undefined || used === undefined ? [] : [{ path: slots.path(current, 'key'), text: used }]),
  ];
}

/** Without a root CA among the files the one from before stays. */
function withRoot({ slots }: Robot, content: SlotContent): SlotContent {
  const { current } = slots;
  return { ...content, rootCa: content.rootCa ?? (current === undefined ? undefined : slots.read(current, 'rootCa')) ?? null };
}

/** @returns what does not stand in the way. @throws AgentError CERTIFICATE_UNFIT with everything that does. */
async function check({ config, clock, isIotCore }: Robot, { cert, key, rootCa }: SlotContent): Promise<Finding[]> {
  const root = config.mqtt.root_ca ?? AMAZON_ROOT_CA;
  const findings = await verifyIdentity({
    cert,
    key,
    rootCa: rootCa ?? readFileSync(root, 'utf8'),
    thing: config.thing,
    isIotCore,
    nowMs: clock.wall(),
    isClockTrusted: clock.trusted(),
  });
  // With a wrong clock the dates can't be checked; that is no reason to refuse what is probably fine.
  const errors = findings.filter(({ severity, code }) => severity === 'error' && code !== 'clock_wrong');
  if (errors.length === 0) return findings;
  const [first] = errors;
  throw new AgentError('CERTIFICATE_UNFIT', `nothing was taken: ${errors.map(({ observed }) => observed).join('; ')}`, {
    remedy: first?.remedy ?? '',
    fields: { findings: errors },
  });
}
