// Checks whether the clock can be trusted. If it is wrong, valid certificates look expired or not yet valid.
import { DISTRUST_MEANS, systemClock, type TimeService } from '../../clock/index.ts';
import { lastKnownWallMs } from '../../state/index.ts';
import type { Status } from '../../status/index.ts';
import { error, type Finding, ok } from '../check.ts';
import { type DoctorContext, oncePerRobot, robotCheck } from '../context.ts';

export const SET_CLOCK = 'sudo timedatectl set-ntp true';
const TIME_SERVERS = 'timedatectl timesync-status || chronyc sources';

/** Returns 0 if the last known time is unreadable, because the state_dir check reports that. */
function knownWallMs(stateDir: string): number {
  try {
    return lastKnownWallMs(stateDir);
  } catch {
    return 0;
  }
}

/** The judgement of the running agent, which may know the cloud's time; without an agent, this process judges by itself. */
export const clockFacts = oncePerRobot(
  async ({ agent, config }: DoctorContext): Promise<Pick<Status['clock'], 'confirmed_by' | 'distrust'> & { service: TimeService }> => {
    const own = systemClock(knownWallMs(config.state_dir));
    const [status] = await Promise.all([agent, own.ask()]);
    const { service, trust } = own;
    return { confirmed_by: (trust.trusted && trust.by) || null, distrust: own.distrust ?? null, ...status?.clock, service };
  },
);

export const clock = robotCheck('clock', 10_000, async (context): Promise<Finding> => {
  const shown = new Date().toISOString();
  const { distrust, confirmed_by: source, service } = await clockFacts(context);
  if (distrust !== null) return wrong(`${distrust}; ${DISTRUST_MEANS}`, service);
  if (await areBothExpired(context, Date.now()))
    return wrong(`the clock shows ${shown}: by then this robot’s certificate and the broker’s have both expired`, service);
  if (source === null) return ok(`${shown}; neither a time service nor the cloud confirms it`);
  return ok(`${shown}, confirmed by ${source === 'cloud' ? 'the cloud' : 'the time service'}`);
});

/** The robot's and the broker's certificates rarely expire at the same time: if both look expired, the clock is probably ahead. */
async function areBothExpired({ credentials, reached }: DoctorContext, now: number): Promise<boolean> {
  const leaf = (await reached).shown?.handshake?.chain[0];
  return !(credentials instanceof Error) && leaf !== undefined && now > credentials.notAfterMs && now > leaf.notAfterMs;
}

function wrong(observed: string, service: TimeService): Finding {
  if (service !== 'unsynchronised') return error(observed, 'let the clock synchronise; certificates are checked against it', SET_CLOCK);
  const remedy = 'the time service runs, so find out why no time server answers it: the network, name servers, UDP port 123';
  return error(observed, remedy, TIME_SERVERS);
}
