// Finds topics that several entries use with different types. DDS permits one type for each topic and node, so only the first would work.
import { announcementsOf, type Config, publicationsOf } from '../config/index.ts';
import { type ConfigFinding, EntryFindings, type Layers } from './finding.ts';

interface Use {
  /** Such as `channels.gas` or `reflex`. */
  readonly path: readonly string[];
  readonly topic: string;
  /** Undefined if it is known only at run time. */
  readonly type: string | undefined;
}

/** Leaves out cameras, which have a node of their own. */
function usesOf({ channels, commands, reflex }: Pick<Config, 'channels' | 'commands' | 'reflex'>): Use[] {
  return [
    ...Object.entries(channels).map(([name, { topic, type }]): Use => ({ path: ['channels', name], topic, type })),
    ...Object.entries(commands).flatMap(([name, command]) =>
      [...publicationsOf(command), ...(command.confirm ? [command.confirm] : [])].map(
        ({ topic, type }): Use => ({ path: ['commands', name], topic, type }),
      ),
    ),
    ...(reflex ? announcementsOf(reflex) : []).map(({ topic, type }): Use => ({ path: ['reflex'], topic, type })),
  ];
}

export function checkTopics(config: Pick<Config, 'channels' | 'commands' | 'reflex'>, layers: Layers): ConfigFinding[] {
  const first = new Map<string, Use>();
  return usesOf(config).flatMap((use) => {
    const { path, topic, type } = use;
    const other = first.get(topic);
    if (type === undefined || other?.type === type) return [];
    if (other === undefined) {
      first.set(topic, use);
      return [];
    }
    const entry = new EntryFindings(path, layers);
    entry.error(
      ['type', 'topic'],
      `${topic} has the type ${type} here, but ${other.type} in ${other.path.join('.')}: correct a topic or a type`,
    );
    return entry.list;
  });
}
