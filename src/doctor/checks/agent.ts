// Checks the running agent, its current problems, and the guard process.
import { connect } from 'node:net';
import { counted } from '../../base/index.ts';
import { guardSocket } from '../../commands/index.ts';
import { FamilyKeys, keyGap } from '../../signing/index.ts';
import type { ProblemCode, Status } from '../../status/index.ts';
import type { CheckCode } from '../catalogue.ts';
import { error, type Finding, ok, skipped, warning } from '../check.ts';
import { type DoctorContext, type RobotCheck, robotCheck } from '../context.ts';
import { probe, ROS_WITHIN_MS } from './probed.ts';

export const agent = robotCheck('agent', 10_000, async ({ agent: answer, holder, config, flag }) => {
  const status = await answer;
  if (status) return ok(`has run for ${Math.round(status.uptime_ms / 1_000)} s, version ${status.version}, start ${status.boot}`);
  if (holder === undefined) return warning(`no agent runs on ${config.state_dir}`, 'start the agent', `elderly-bot run${flag}`);
  const observed = `process ${holder} holds ${config.state_dir} and does not answer on its socket`;
  const remedy = 'it is starting, stopping or hanging; read its log, then restart it';
  return error(observed, remedy, `ps -o pid,stat,etime,cmd -p ${holder}`);
});

export const familyKeys = robotCheck('family_keys', 5_000, ({ config, flag }) => {
  const signed = Object.entries(config.commands).flatMap(([name, command]) => (command.signed === 'off' ? [] : [name]));
  if (signed.length === 0) return skipped('no configured command reads a signature');
  const family = new FamilyKeys(config.state_dir);
  const paired = family.read();
  const gap = keyGap(config.commands, family.file, paired);
  if (gap?.code === 'family_keys_damaged') {
    return error(
      gap.text,
      'run the doctor as the user of the agent; move a damaged file away and pair again',
      `elderly-bot pair list${flag}`,
    );
  }
  if (gap) return warning(gap.text, 'pair a device of the family', 'elderly-bot pair add --help');
  return ok(`${counted(paired.keys.length, 'device')} may sign ${signed.join(', ')}`);
});

export const guard = robotCheck('guard', 5_000, async ({ config, flag }) => {
  const motions = Object.entries(config.commands).flatMap(([name, { motion }]) => (motion ? [name] : []));
  if (motions.length === 0) return skipped('no configured command moves the robot');
  if (await isListening(guardSocket(config.state_dir))) return ok(`the guard watches ${motions.join(', ')}`);
  const observed = `the guard does not run, so the agent refuses ${motions.join(', ')}`;
  return warning(observed, 'start the guard beside the agent', `elderly-bot guard${flag}`);
});

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (isConnected: boolean) => {
      socket.destroy();
      resolve(isConnected);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}

/**
 * For each problem of the agent, the checks that may find its cause. Problems of channels and cameras are reported by their own checks
 * instead.
 */
const EXPLAINED_BY: Partial<Record<ProblemCode, readonly CheckCode[]>> = {
  broker_name_unknown: ['dns', 'network'],
  name_servers_silent: ['dns', 'network'],
  broker_refused_connection: ['tcp', 'dns', 'network'],
  broker_unreachable: ['tcp', 'dns', 'network'],
  broker_silent: ['mqtt'],
  broker_handshake_stalled: ['broker_certificate', 'tcp', 'network'],
  broker_answers_http: ['broker_certificate', 'tcp', 'mqtt'],
  broker_without_tls: ['broker_certificate', 'tcp'],
  broker_other_service: ['broker_certificate', 'tcp', 'mqtt'],
  broker_tls_mismatch: ['broker_certificate', 'tcp'],
  broker_intercepted: ['broker_certificate'],
  broker_unavailable: ['mqtt'],
  broker_quota: ['mqtt'],
  broker_refuses: ['mqtt'],
  broker_packet_limit: ['mqtt'],
  broker_hung_up: ['tcp', 'certificate_accepted', 'mqtt'],
  broker_untrusted: ['broker_certificate'],
  broker_name_mismatch: ['broker_certificate'],
  broker_certificate_expired: ['broker_certificate', 'clock'],
  certificate_refused: ['certificate_accepted', 'certificate'],
  certificate_expired: ['certificate', 'clock'],
  certificate_missing: ['key', 'certificate'],
  certificate_unusable: ['key', 'certificate', 'broker_certificate', 'certificate_accepted'],
  clock_wrong: ['clock', 'broker_certificate'],
  not_authorized: ['mqtt', 'subscribe_rights'],
  mqtt_ended: ['mqtt', 'tcp', 'network'],
  publish_refused: ['publish_rights'],
  subscribe_refused: ['subscribe_rights'],
  uploads_failing: ['uploads', 'cloud_api'],
  clock_untrusted: ['clock'],
  clock_differs: ['clock_skew', 'clock'],
  disk_low: ['disk_space'],
  outbox_unwritable: ['disk_space', 'state_dir', 'disk_latency'],
  outbox_damaged: ['outbox_file'],
  guard_missing: ['guard'],
  no_family_key: ['family_keys'],
  family_keys_damaged: ['family_keys'],
  reflex_fired: ['network', 'dns', 'tcp', 'mqtt', 'receipts'],
  reflex_off: ['configuration'],
  reflex_unheard: ['graph'],
  reload_refused: ['configuration'],
  channel_off: ['configuration'],
  camera_off: ['configuration'],
  nothing_published: ['discovery_server', 'graph', 'ros'],
};

/** Whether the checks of the channels report the cause of a problem, each for its channel. */
async function isOfChannels(code: ProblemCode, context: DoctorContext): Promise<boolean> {
  if (code !== 'nothing_published') return false;
  const found = await probe(context);
  return 'topics' in found && Object.values(found.channels).every(({ offers }) => offers.length === 0);
}

/** Reports a problem of the running agent as a finding. */
export function problemFinding({ severity, text, remedy }: Status['problems'][number], flag: string): Finding {
  const status = severity === 'info' ? 'ok' : severity === 'warning' ? 'warning' : 'error';
  return { status, observed: text, remedy, command: `elderly-bot status${flag}` };
}

/** Turns each current problem of the agent into a check that reports it, except for problems of channels and cameras. */
export function problemChecks(status: Status, { flag, config }: DoctorContext): RobotCheck[] {
  return status.problems
    .filter(({ subject }) => !(subject in config.channels) && !(subject in config.cameras))
    .map((problem) => ({
      code: 'problem',
      subject: problem.subject === '' ? problem.code : `${problem.code}.${problem.subject}`,
      deadlineMs: ROS_WITHIN_MS,
      run: async (context): Promise<Finding> => {
        if (await isOfChannels(problem.code, context)) return skipped('the checks of the channels report it', 'graph');
        return { ...problemFinding(problem, flag), because: EXPLAINED_BY[problem.code] ?? [] };
      },
    }));
}
