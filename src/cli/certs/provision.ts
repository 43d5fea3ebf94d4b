// `elderly-bot certs provision` and `certs rotate`: get a certificate through AWS fleet provisioning. `provision` connects with the claim
// certificate, `rotate` with the current one. If the process is killed, the next call continues from the last completed step. The old
// certificate stays in use until the new one has connected, subscribed and published.
import { eraseClaim, provisionAsThing, provisionByClaim, refuseOwnPaths } from '../../agent/identity/provision.ts';
import { print } from '../../base/index.ts';
import { clearProvisioning, isProvisioning, isUnfinished, readCredentials, slotPaths } from '../../identity/index.ts';
import { askRotate, type Rotated } from '../../status/index.ts';
import { remark } from '../shared.ts';
import { askIfRunning, loadRobot, type Robot, withCertsLock, withoutAgent } from './robot.ts';

interface ProvisionOptions {
  readonly file: string | undefined;
  /** Gets another certificate even if the robot has one, and starts over instead of continuing an unfinished provisioning. */
  readonly isForced: boolean;
  /** Leaves the claim's key on the disk, for other robots that use the same file. */
  readonly keepsClaim: boolean;
  readonly timeoutS: number;
  readonly json: boolean;
}

export async function provision({ file, isForced, keepsClaim, timeoutS, json }: ProvisionOptions): Promise<number> {
  const robot = await loadRobot(file);
  refuseOwnPaths(robot.config);
  const { slots, config } = robot;
  return withCertsLock(robot, async () => {
    const { current } = slots;
    const parts = partsOf(robot, timeoutS);
    if (isUnfinished(slots) && !keepsClaim) eraseClaim(parts);
    if (current !== undefined) clearProvisioning(slots, current);
    if (isForced && isProvisioning(slots)) slots.empty(slots.spare);
    if (current !== undefined && !isForced && !isProvisioning(slots)) {
      const { notAfterMs } = readCredentials(slotPaths(slots, current, config.mqtt.root_ca));
      const until = new Date(notAfterMs).toISOString();
      const text = `slot ${current} already has a certificate, valid until ${until}; --again gets another one, certs rotate renews it`;
      await print(json ? JSON.stringify({ slot: current, valid_to: until, new: false }) : text);
      return 0;
    }
    const { slot, certificateId } = await withoutAgent(robot, () => provisionByClaim(parts, keepsClaim));
    const text = `${config.thing} has a new certificate that works, ${certificateId}, in slot ${slot}; next: elderly-bot run`;
    await print(json ? JSON.stringify({ slot, certificate_id: certificateId, new: true }) : text);
    return 0;
  });
}

/** Asks a running agent to rotate over its own connection. If no agent runs, connects from this process. */
export async function rotate(file: string | undefined, timeoutS: number, json: boolean): Promise<number> {
  const robot = await loadRobot(file);
  const { config } = robot;
  refuseOwnPaths(config);
  const rotated = (await askIfRunning(askRotate(config.state_dir))) ?? (await rotateHere(robot, timeoutS));
  const text = `${config.thing} has a new certificate that works, ${rotated.certificate_id}, in slot ${rotated.slot}; the old key was deleted`;
  const next = 'the old certificate stays valid in IoT Core until you deactivate it there';
  await print(json ? JSON.stringify(rotated) : [text, next]);
  return 0;
}

function rotateHere(robot: Robot, timeoutS: number): Promise<Rotated> {
  return withCertsLock(robot, async () => {
    const { slot, certificateId } = await withoutAgent(robot, () => provisionAsThing(partsOf(robot, timeoutS)));
    return { slot, certificate_id: certificateId };
  });
}

function partsOf({ config, slots, clock }: Robot, timeoutS: number): Parameters<typeof provisionByClaim>[0] {
  return { config, slots, clock, timeoutMs: timeoutS * 1_000, report: remark };
}
