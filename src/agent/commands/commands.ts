// Connects the commands to their ROS topics, the guard, the journal and the agent's built-in actions.
import { messageOf } from '../../base/index.ts';
import { type BuiltinActions, Commands, GuardLink, guardSocket, type MotionGuard, NO_MOTION, type Outcome } from '../../commands/index.ts';
import { type BuiltinCommand, type Config, type LoadedConfig, publicationsOf } from '../../config/index.ts';
import { CommandJournal } from '../../outbox/index.ts';
import type { RosNode, RosPublisher } from '../../ros/index.ts';
import { fieldReader } from '../../sensing/index.ts';
import type { Reloaded } from '../../status/index.ts';
import type { Parts, Running } from '../lifecycle/parts.ts';
import { configured } from '../sensing/subscription.ts';
import { openFamilyKeys } from './familyKeys.ts';

/** The built-in actions that this version supports. */
export const ACTIONS = ['ping', 'set_interval', 'reload', 'snapshot', 'ship_logs'] as const satisfies readonly BuiltinCommand[];

/** Ids that were only in memory would be unknown after a power cut, so a command that arrives twice could run twice. */
const UNRECORDABLE = 'the robot’s disk cannot be written, so it could not remember that the command ran (storage_failed)';

export interface CommandParts
  extends Pick<Parts, 'loaded' | 'storage' | 'ros' | 'db' | 'outbox' | 'clock' | 'lifetime' | 'problems' | 'log' | 'shutdown'> {
  readonly running: Running;
  /** @throws AgentError if the configuration is invalid. Nothing is changed in that case. */
  readonly reload: () => Reloaded;
}

/** @throws AgentError with the file position of the configuration entry that ROS refuses. */
export function startCommands(parts: CommandParts): Pick<Parts, 'commands' | 'journal'> {
  const { loaded, ros, db, outbox, clock, lifetime, problems, log, running } = parts;
  const { config } = loaded;
  const publishers = advertiseCommands(loaded, ros);
  const journal = new CommandJournal(db, () => lifetime.ranBeforeMs + clock.mono());
  const guard = startGuard(parts, config, (reason) => commands.halt(reason));
  const commands: Commands = new Commands({
    thing: config.thing,
    commands: config.commands,
    publishers,
    outbox,
    journal,
    clock,
    guard,
    builtin: builtinActions(parts, config),
    familyKeys: openFamilyKeys(parts, config),
    unrecordable: () => (parts.storage.failure === undefined ? undefined : UNRECORDABLE),
    latestValue: (channel) => running.get('channels').latestValue(channel),
    connectedForMs: () => {
      const { state, since_ms: sinceMs } = running.get('uplink').status();
      return state === 'connected' ? sinceMs : undefined;
    },
    onFlood: (text) => problems.set('commands_flooded', text),
    log: log.child({ module: 'commands' }),
  });
  commands.start();
  subscribeConfirmations(parts, (name, value) => commands.confirm(name, value));
  return { commands, journal };
}

/** @returns the connection to the guard if any configured command moves the robot. While the guard is missing, motions are refused. */
function startGuard({ problems, shutdown }: CommandParts, config: Config, onTrip: (reason: string) => void): MotionGuard {
  const moves = Object.entries(config.commands).flatMap(([name, { motion }]) => (motion ? [name] : []));
  if (moves.length === 0) return NO_MOTION;
  const path = guardSocket(config.state_dir);
  const onChange = (isConnected: boolean) =>
    problems.set('guard_missing', isConnected ? undefined : `${moves.join(', ')}: nothing answers at ${path}`);
  const guard = new GuardLink({ path, onTrip, onChange });
  guard.start();
  shutdown.add('guard', () => guard.stop());
  return guard;
}

/** Actions that this robot does not support must be absent, so that their commands are refused and not announced. */
function builtinActions({ running, reload }: CommandParts, { cameras, uploads }: Config): Pick<BuiltinActions, (typeof ACTIONS)[number]> {
  return {
    ...(Object.keys(cameras).length > 0
      ? { snapshot: ({ value }) => running.snapshot(value === undefined ? undefined : String(value)) }
      : {}),
    ...(uploads.api === null ? {} : { ship_logs: () => shipLogs(running) }),
    ping: () => ({ status: 'done' }),
    set_interval: ({ value }) => {
      const intervalMs = Number(value) * 1_000;
      running.get('uplink').setInterval(intervalMs);
      return { status: 'done', applied: { interval_ms: intervalMs } };
    },
    reload: () => {
      try {
        return { status: 'done', applied: reload() };
      } catch (error) {
        return { status: 'failed', detail: `nothing was changed: ${messageOf(error)}` };
      }
    },
  };
}

async function shipLogs(running: Running): Promise<Outcome> {
  try {
    const { slices, size, whole } = await running.get('scheduled').shipLogs();
    if (whole) return { status: 'done', applied: { slices, size } };
    return { status: 'failed', detail: 'the upload queue is full: see uploads.max_size' };
  } catch (error) {
    return { status: 'failed', detail: messageOf(error) };
  }
}

/**
 * Creates all publishers at startup, so that their subscribers have been discovered before the first command arrives.
 * @returns each command's publishers, in the order of its messages.
 */
function advertiseCommands({ config, place }: LoadedConfig, ros: RosNode): Map<string, RosPublisher[]> {
  const entries = Object.entries(config.commands).map(([name, command]) => {
    const advertise = () => publicationsOf(command).map(({ topic, type, qos }) => ros.advertise(topic, type, qos));
    return [name, configured(place, ['commands', name, 'type'], advertise)] as const;
  });
  return new Map(entries);
}

/** Subscribes to the topics whose values confirm that a command worked. */
function subscribeConfirmations({ loaded, ros, problems }: CommandParts, onConfirmation: (command: string, value: unknown) => void): void {
  for (const [name, { confirm, type: commandType }] of Object.entries(loaded.config.commands)) {
    const type = confirm?.type ?? commandType;
    if (!confirm || type === undefined) continue;
    const { topic, field, qos } = confirm;
    const read = fieldReader(field);
    configured(loaded.place, ['commands', name, 'confirm'], () =>
      ros.subscribe({
        topic,
        type,
        qos,
        onMessage: (message) => onConfirmation(name, read(message)),
        onError: (error) => problems.raise('channel_unreadable', `confirm of ${name} (${topic}): ${messageOf(error)}`, `confirm ${name}`),
      }),
    );
  }
}
