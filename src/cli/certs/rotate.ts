// `elderly-bot certs rotate`: another certificate, got with the one there is. A running agent does it over its own connection; else it
// is done here. The old one stays until the new has connected, subscribed and published.
import { provisionAsItself, refuseOwnPaths } from '../../agent/identity/provision.ts';
import { AgentError } from '../../errors.ts';
import { lockStateDir } from '../../state/index.ts';
import { askRotate, type Rotated } from '../../status/index.ts';
import { changing, type Robot, robotOf } from './robot.ts';

export async function rotate(file: string | undefined, timeoutS: number, json: boolean): Promise<number> {
  const robot = robotOf(file);
  refuseOwnPaths(robot.config);
  const rotated = (await byAgent(robot)) ?? (await here(robot, timeoutS * 1_000));
  if (json) process.stdout.write(`${JSON.stringify(rotated)}\n`);
  else {
    const { slot, certificate_id: id } = rotated;
    process.stdout.write(`${robot.config.thing} has a new certificate that works, ${id}, in slot ${slot}; the old key is gone\n`);
    process.stdout.write('the old certificate still counts in IoT Core until it is made inactive there\n');
  }
  return 0;
}

async function byAgent({ config }: Robot): Promise<Rotated | undefined> {
  try {
    return await askRotate(config.state_dir);
  } catch (error) {
    if (error instanceof AgentError && error.code === 'AGENT_NOT_RUNNING') return undefined;
    throw error;
  }
}

function here(robot: Robot, timeoutMs: number): Promise<Rotated> {
  const { config, slots, clock } = robot;
  return changing(robot, async () => {
    const lock = lockStateDir(config.state_dir);
    try {
      const say = (step: string) => void process.stderr.write(`elderly-bot: ${step}\n`);
      const { slot, certificateId } = await provisionAsItself({ config, slots, clock, timeoutMs, say });
      return { slot, certificate_id: certificateId };
    } finally {
      lock.release();
    }
  });
}
