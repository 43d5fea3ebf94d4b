// Joins commands to their topics, the guard, the journal and the agent's built-in actions.
import type { Clock } from '../../clock/index.ts';
import { Commands } from '../../commands/index.ts';
import type { LoadedConfig } from '../../config/index.ts';
import type { Logger } from '../../logs/index.ts';
import { CommandJournal, type Db, type Outbox } from '../../outbox/index.ts';
import type { RosNode } from '../../ros/index.ts';
import type { Lifetime } from '../../state/index.ts';
import type { Problems } from '../../status/index.ts';
import type { ShutdownStack } from '../lifecycle/shutdown.ts';
import { advertiseCommands, subscribeConfirmations } from '../sensing/publishers.ts';
import { connectedForMs } from '../uplink/link.ts';
import { type BuiltinParts, builtinActions } from './builtin.ts';
import { startGuard } from './guard.ts';

export interface CommandParts {
  readonly loaded: LoadedConfig;
  readonly ros: RosNode;
  readonly db: Db;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly problems: Problems;
  readonly log: Logger;
  readonly own: BuiltinParts;
  readonly shutdown: ShutdownStack;
}

export interface RunningCommands {
  readonly commands: Commands;
  readonly journal: CommandJournal;
}

/** @throws AgentError with the file position of an entry that ROS refuses. */
export function startCommands(parts: CommandParts): RunningCommands {
  const { loaded, ros, db, outbox, clock, lifetime, problems, log, own, shutdown } = parts;
  const { config } = loaded;
  const publishers = advertiseCommands(loaded, ros);
  const journal = new CommandJournal(db, () => lifetime.ranBeforeMs + clock.mono());
  const { guard, stop } = startGuard({ config, problems, commands: () => commands });
  shutdown.add('guard', stop);
  const commands: Commands = new Commands({
    thing: config.thing,
    commands: config.commands,
    publishers,
    outbox,
    journal,
    clock,
    guard,
    builtin: builtinActions(own),
    latestValue: (channel) => own.running.get('channels').latestValue(channel),
    connectedForMs: () => connectedForMs(own.running.get('uplink').status()),
    log,
  });
  commands.start();
  subscribeConfirmations({ loaded, ros, problems, onConfirmation: (name, value) => commands.confirm(name, value) });
  return { commands, journal };
}
