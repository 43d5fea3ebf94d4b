// Finds published topics that a configured topic without a publisher probably means. Pure. A wrong suggestion could connect the gas alert
// with the fall detector, so words that many topics share count only beside a word that says what the topic is about.
import { type Config, isHidden, isImageType, nearest, partsOf, publicationsOf } from '../config/index.ts';

export interface Published {
  readonly topic: string;
  readonly types: readonly string[];
  readonly publishers: readonly { readonly node: string }[];
}

const GENERIC = new Set(
  'detected detection detections detector alarm alert event status state sensor data value raw reading measurement msg topic'.split(' '),
);
const MOST = 3;
const NO_MATCH = 4;

/** @returns a question such as `did you mean /vision/fall, which /kitchen_robot publishes?` for each entry whose topic is unpublished */
export function didYouMean(config: Pick<Config, 'channels' | 'cameras' | 'commands'>, published: readonly Published[]) {
  const taken = topicsOf(config);
  const free = published.filter(({ topic }) => !taken.has(topic) && !isHidden(topic));
  const ask = (topic: string, isUsable: (type: string) => boolean) =>
    asQuestion(
      similarTopics(
        topic,
        free.filter(({ types }) => types.every(isUsable)),
      ),
    );
  return {
    channel: (name: string): string | undefined => {
      const { topic = '', type } = config.channels[name] ?? {};
      return ask(topic, (other) => (type === undefined ? !isImageType(other) : other === type));
    },
    camera: (name: string): string | undefined => {
      const { topic = '', type } = config.cameras[name] ?? {};
      return ask(topic, (other) => (type === undefined ? isImageType(other) : other === type));
    },
  };
}

function topicsOf({ channels, cameras, commands }: Pick<Config, 'channels' | 'cameras' | 'commands'>): Set<string> {
  const written = Object.values(commands).flatMap((command) => publicationsOf(command).map(({ topic }) => topic));
  return new Set([...[...Object.values(channels), ...Object.values(cameras)].map(({ topic }) => topic), ...written]);
}

/** @returns the topics whose names are most similar to a topic; none if all mean something else. */
export function similarTopics(topic: string, published: readonly Published[]): readonly Published[] {
  const ranked = published.map((candidate) => ({ candidate, rank: rankOf(topic, candidate.topic) }));
  const best = Math.min(NO_MATCH, ...ranked.map(({ rank }) => rank));
  return ranked.filter(({ rank }) => rank === best && rank < NO_MATCH).map(({ candidate }) => candidate);
}

/** @returns undefined if there is no topic to ask for. */
export function asQuestion(topics: readonly Published[]): string | undefined {
  const named = topics.slice(0, MOST).map(({ topic, publishers }) => {
    const nodes = [...new Set(publishers.map(({ node }) => node))];
    return `${topic}, which ${nodes.join(' and ')} ${nodes.length === 1 ? 'publishes' : 'publish'}`;
  });
  return named.length === 0 ? undefined : `did you mean ${named.join(', or ')}?`;
}

/** @returns 0 for the same name in another namespace, up to 3 for a misspelt name, or NO_MATCH. */
function rankOf(topic: string, other: string): number {
  const [words, others] = [nameOf(topic), nameOf(other)];
  if (words.join('') === others.join('')) return 0;
  const subject = words.filter(isDistinctive);
  const head = subject.at(-1);
  const all = new Set(wordsOf(other));
  if (head !== undefined && subject.every((word) => all.has(word))) return 1;
  if (head !== undefined && others.includes(head)) return 2;
  const isMisspelt = words.length === others.length && words.every((word, i) => isSimilar(word, others[i] ?? ''));
  return isMisspelt ? 3 : NO_MATCH;
}

function isSimilar(word: string, other: string): boolean {
  return word === other || nearest(word, [other]) !== undefined;
}

function isDistinctive(word: string): boolean {
  return !GENERIC.has(word);
}

/** @returns the words of the topic's last part, with as many parts before it as it takes to say what the topic is about. */
function nameOf(topic: string): string[] {
  const parts = topic.split('/').filter((part) => part !== '');
  for (let from = parts.length - 1; from > 0; from--) {
    const words = wordsOf(parts.slice(from).join('/'));
    if (words.some(isDistinctive)) return words;
  }
  return wordsOf(topic);
}

function wordsOf(name: string): string[] {
  return partsOf(name)
    .flatMap((part) => part.split('_'))
    .filter((word) => word !== '');
}
