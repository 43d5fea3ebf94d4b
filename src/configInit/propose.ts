// Proposes the channels and cameras of a robot from its topics. Pure.
import { type Config, DIAGNOSTICS, publicationsOf } from '../config/index.ts';
import { camerasOf, type FoundCamera, isOfImages } from './cameras.ts';
import { topicsIn, usableTopics } from './graph.ts';
import { Names } from './names.ts';
import { byRank, type Candidate, candidateOf, detectedBy, isNumber, ROLES, type Role, type Sensor } from './roles.ts';
import { detectorOf, sensorOf } from './sensors.ts';
import { described, type FoundTopic, hasWord, wordsOf } from './topic.ts';

/** A channel of the new file. */
export interface ProposedChannel extends Sensor {
  readonly name: string;
  readonly found: FoundTopic;
}

export interface Proposal {
  readonly channels: readonly ProposedChannel[];
  /** Inherited channels for which no topic suits, each with topics whose name suits but not their type. */
  readonly missing: ReadonlyMap<Role, readonly FoundTopic[]>;
  readonly cameras: readonly FoundCamera[];
  /** Topics that a person may add. */
  readonly others: readonly FoundTopic[];
}

export interface ProposalInput {
  readonly found: readonly FoundTopic[];
  /** The namespace of the robot; undefined if its topics are in the root namespace. */
  readonly namespace: string | undefined;
  /** The default configuration, which the new file overrides. */
  readonly defaults: Config;
}

/** A robot with hundreds of numbers would fill the outbox with them. Alerts are not limited. */
const MAX_TELEMETRY_CHANNELS = 40;

export function propose({ found, namespace, defaults }: ProposalInput): Proposal {
  const published = Object.values(defaults.commands).flatMap(publicationsOf);
  const own = new Set(published.map(({ topic }) => `${namespace ?? ''}${topic}`));
  const topics = usableTopics(namespace === undefined ? found : topicsIn(namespace, found), own);
  const images = topics.filter(isOfImages);
  const names = new Names(ROLES);
  const byRole = candidatesByRole(topics);
  const chosen = new Map([...byRole].flatMap(([role, [best]]) => (best ? [[role, best]] : [])));
  const taken = new Set([...[...chosen.values()].map((candidate) => candidate.found), ...images]);
  const rest = new Rest(
    topics.filter((topic) => !taken.has(topic)),
    names,
  );
  const channels = [...chosen].flatMap(([role, candidate]) => [
    { ...candidate, name: role, notes: [...candidate.notes, ...rest.notesOn(byRole.get(role) ?? [])] },
    ...numberBeside(role, candidate, names),
  ]);
  const missing = ROLES.filter((role) => !chosen.has(role));
  return {
    channels: [...channels, ...rest.channels],
    missing: new Map(missing.map((role) => [role, rest.others.filter(({ topic }) => detectedBy(topic)?.role === role)])),
    cameras: camerasOf(images, new Names([])),
    others: rest.others,
  };
}

/** The candidates of each role that has any, the best first. */
function candidatesByRole(topics: readonly FoundTopic[]): Map<Role, Candidate[]> {
  const found = topics.flatMap((topic) => candidateOf(topic) ?? []);
  const sorted = ROLES.map(
    (role) =>
      [
        role,
        found
          .filter((each) => each.role === role)
          .map(({ candidate }) => candidate)
          .sort(byRank),
      ] as const,
  );
  return new Map(sorted.filter(([, candidates]) => candidates.length > 0).map(([role, candidates]) => [role, [...candidates]]));
}

/** The channel for the number itself, if a role reports only whether the number is an alert. */
function numberBeside(role: Role, { found, type }: Candidate, names: Names): ProposedChannel[] {
  if (role !== 'gas' || !isNumber(type)) return [];
  const sensor = sensorOf(found);
  const isPpm = hasWord('ppm')(wordsOf(found.topic));
  if (!sensor) return [];
  return [
    {
      found,
      name: names.take(isPpm ? 'gas_ppm' : 'gas_level'),
      keys: [...(isPpm ? ['unit: ppm'] : []), ...sensor.keys],
      notes: ['The number itself.'],
    },
  ];
}

/** The topics without a role: those with a known type become channels of their own. */
class Rest {
  readonly channels: readonly ProposedChannel[];
  readonly others: readonly FoundTopic[];

  constructor(topics: readonly FoundTopic[], names: Names) {
    const arrays = topics.filter(({ types }) => types[0] === DIAGNOSTICS).map(({ topic }) => topic);
    const worst = arrays.find((topic) => topic.endsWith('_agg')) ?? arrays[0];
    const channels: ProposedChannel[] = [];
    const others: FoundTopic[] = [];
    let telemetry = 0;
    for (const found of topics) {
      const isRepeated = found.types[0] === DIAGNOSTICS && found.topic !== worst;
      const detector = candidateOf(found) === undefined ? undefined : detectorOf(found);
      const sensor = isRepeated ? undefined : (detector ?? sensorOf(found));
      const isAlert = sensor?.keys.includes('class: alert') === true;
      if (sensor && !isAlert) telemetry++;
      if (!sensor || (!isAlert && telemetry > MAX_TELEMETRY_CHANNELS)) others.push(found);
      else channels.push({ found, name: found.topic === worst ? names.take('diagnostics') : names.takeFor(found.topic), ...sensor });
    }
    this.channels = channels;
    this.others = others;
  }

  /** @param candidates of a role, the chosen one first. @returns comments that name the others. */
  notesOn([, ...others]: readonly Candidate[]): string[] {
    return others.map(({ found }) => {
      const channel = this.channels.find((each) => each.found === found)?.name;
      return `Another candidate: ${described(found)}${channel === undefined ? '' : `. It is the channel ${channel}`}.`;
    });
  }
}
