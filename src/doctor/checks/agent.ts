// The running agent, its standing problems, and the guard beside it.
import { connect } from 'node:net';
import { guardSocket } from '../../commands/index.ts';
import type { ProblemCode, Status } from '../../status/index.ts';
import type { CheckCode } from '../catalogue.ts';
import type { Finding } from '../check.ts';
import { type DoctorContext, ok, type RobotCheck, robotCheck } from '../context.ts';

export const agent = robotCheck('agent', 10_000, async ({ agent: asked, holder, config, flag }): Promise<Finding> => {
  const status = await asked;
  if (status) return ok(`runs for ${Math.round(status.uptime_ms / 1_000)} s, version ${status.version}, start ${status.boot}`);
  if (holder !== undefined) {
    const observed = `process ${holder} holds ${config.state_dir} and does not answer on its socket`;
    return {
      status: 'error',
      observed,
      remedy: 'it starts, stops, or hangs; look at its log, then restart it',
      command: `ps -o pid,stat,etime,cmd -p ${holder}`,
    };
  }
  return {
    status: 'warning',
    observed: `no agent runs on ${config.state_dir}`,
    remedy: 'start the agent',
    command: `elderly-bot run${flag}`,
  };
});

export const guard = robotCheck('guard', 5_000, async ({ config, flag }): Promise<Finding> => {
  const motions = Object.entries(config.commands).flatMap(([name, { motion }]) => (motion ? [name] : []));
  if (motions.length === 0) return { status: 'skipped', observed: 'no configured command moves the robot' };
  if (await answers(guardSocket(config.state_dir))) return ok(`the guard watches ${motions.join(', ')}`);
  const observed = `the guard does not run, so the agent refuses ${motions.join(', ')}`;
  return { status: 'warning', observed, remedy: 'start the guard beside the agent', command: `elderly-bot guard${flag}` };
});

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (isAnswered: boolean) => {
      socket.destroy();
      resolve(isAnswered);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}

/** The checks that can find the cause of a problem. Problems of channels are shown with their channel. */
const EXPLAINED_BY: Partial<Record<ProblemCode, readonly CheckCode[]>> = {
  broker_name_unknown: ['dns', 'network'],
  broker_refused_connection: ['tcp', 'dns', 'network'],
  broker_unreachable: ['tcp', 'dns', 'network'],
  broker_hung_up: ['tcp', 'certificate_accepted', 'mqtt'],
  broker_untrusted: ['broker_certificate'],
  broker_name_mismatch: ['broker_certificate'],
  broker_certificate_expired: ['broker_certificate', 'clock'],
  certificate_refused: ['certificate_accepted', 'certificate'],
  certificate_expired: ['certificate', 'clock'],
  clock_wrong: ['clock', 'broker_certificate'],
  not_authorized: ['mqtt', 'subscribe_rights'],
  mqtt_ended: ['mqtt', 'tcp', 'network'],
  message_refused: ['publish_rights'],
  uploads_failing: ['uploads', 'cloud_api'],
  clock_differs: ['clock_skew', 'clock'],
  disk_low: ['disk_space'],
  outbox_unwritable: ['disk_space', 'state_dir', 'disk_latency'],
  outbox_damaged: ['outbox_file'],
  guard_missing: ['guard'],
  reload_refused: ['configuration'],
  nothing_published: ['graph', 'ros'],
};

/** One check for each standing problem of the running agent. */
export function problemChecks(status: Status, { flag, config }: DoctorContext): RobotCheck[] {
  return status.problems
    .filter(({ subject }) => !(subject in config.channels))
    .map(({ code, subject, severity, text, remedy }) => ({
      code: 'problem',
      subject: subject === '' ? code : `${code}.${subject}`,
      deadlineMs: 1_000,
      run: () => ({
        status: severity === 'info' ? 'ok' : severity === 'warning' ? 'warning' : 'error',
        observed: text,
        remedy,
        command: `elderly-bot status${flag}`,
        because: EXPLAINED_BY[code] ?? [],
      }),
    }));
}
