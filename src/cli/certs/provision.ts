// `elderly-bot certs provision`: a certificate from AWS fleet provisioning. Killed at any moment and called again, it goes on.
import { provisionByClaim, refuseOwnPaths } from '../../agent/identity/provision.ts';
import { clearProvisioning, isProvisioning, readCredentials, slotPaths } from '../../identity/index.ts';
import { lockStateDir } from '../../state/index.ts';
import { changing, robotOf } from './robot.ts';

export interface ProvisionCommand {
  readonly file: string | undefined;
  /** Another one, though there is one, or though one is under way. */
  readonly anew: boolean;
  readonly timeoutS: number;
  readonly json: boolean;
}

export async function provisionCommand({ file, anew, timeoutS, json }: ProvisionCommand): Promise<number> {
  const robot = robotOf(file);
  refuseOwnPaths(robot.config);
  const { slots, config, clock } = robot;
  return changing(robot, async () => {
    const { current } = slots;
    if (current !== undefined) clearProvisioning(slots, current);
    if (anew && isProvisioning(slots)) slots.empty(slots.spare);
    if (current !== undefined && !anew && !isProvisioning(slots)) {
      const { notAfterMs } = readCredentials(slotPaths(slots, current, config.mqtt.root_ca));
      const until = new Date(notAfterMs).toISOString();
      if (json) process.stdout.write(`${JSON.stringify({ slot: current, valid_to: until, new: false })}\n`);
      else
        process.stdout.write(
          `slot ${current} has a certificate already, valid until ${until}; --again gets another, certs rotate renews it\n`,
        );
      return 0;
    }
    // The new certificate is tried under the robot's name, which would throw off an agent that runs.
    const lock = lockStateDir(config.state_dir);
    try {
      const say = (step: string) => void process.stderr.write(`elderly-bot: ${step}\n`);
      const { slot, certificateId } = await provisionByClaim({ config, slots, clock, timeoutMs: timeoutS * 1_000, say });
      if (json) process.stdout.write(`${JSON.stringify({ slot, certificate_id: certificateId, new: true })}\n`);
      else process.stdout.write(`${config.thing} has a certificate that works, ${certificateId}, in slot ${slot}; next: elderly-bot run\n`);
    } finally {
      lock.release();
    }
    return 0;
  });
}
