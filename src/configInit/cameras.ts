// Chooses the cameras: for each folder of image topics the one that shows most for the least work.
import { COMPRESSED_IMAGE, isDepth, isImageType, partsOf, unsuitableContent } from '../config/index.ts';
import type { Names } from './names.ts';
import { type FoundTopic, hasWord, wordsOf } from './topic.ts';

export interface FoundCamera {
  readonly name: string;
  readonly found: FoundTopic;
  /** Other image topics of the same camera. */
  readonly others: readonly string[];
}

const COMPRESSED = '/compressed';

/** Images that a person cannot read, or that another program has already drawn on. */
const isDrawn = hasWord('mask|segmentation|heatmap|debug|ir|infra\\d?|infrared');

/** Words that every camera driver uses. They do not tell cameras apart. */
const isGeneric = hasWord('camera|cam|image|images|raw|rect|rectified|color|colour|rgb|mono|gray|compressed|preview|video|stream');

export function isOfImages({ types }: FoundTopic): boolean {
  return types.length === 1 && types.every(isImageType);
}

/** @param images topics for which {@link isOfImages} holds. */
export function camerasOf(images: readonly FoundTopic[], names: Names): FoundCamera[] {
  const groups = new Map<string, FoundTopic[]>();
  for (const found of images) {
    if (unsuitableContent(found.topic) !== undefined || isDepth(found.topic) || isDrawn(wordsOf(found.topic))) continue;
    const folder = folderOf(found.topic);
    groups.set(folder, [...(groups.get(folder) ?? []), found]);
  }
  return [...groups].flatMap(([folder, group]) => {
    const [best, ...others] = group.sort((a, b) => rankOf(a) - rankOf(b) || a.topic.localeCompare(b.topic));
    return best ? [{ name: names.take(nameOf(folder)), found: best, others: others.map(({ topic }) => topic) }] : [];
  });
}

/** The folder of a camera: of `/camera/image_raw` and `/camera/image_raw/compressed` it is `/camera`. */
function folderOf(topic: string): string {
  const image = topic.endsWith(COMPRESSED) ? topic.slice(0, -COMPRESSED.length) : topic;
  return image.slice(0, image.lastIndexOf('/'));
}

/** Compressed images are small, and a compressed image from a camera's own encoder needs no work at all. Then colour before grey. */
function rankOf({ topic, types }: FoundTopic): number {
  const words = wordsOf(topic);
  const shade = hasWord('color|rgb')(words) ? 0 : hasWord('mono|gray')(words) ? 2 : 1;
  return (types[0] === COMPRESSED_IMAGE ? 0 : 10) + shade;
}

/** The part of the folder that tells this camera from others: `front` of `/camera/front`, `oakd` of `/oakd/rgb/preview`. */
function nameOf(folder: string): string {
  const parts = partsOf(folder);
  const specific = parts
    .map((part) =>
      part
        .split('_')
        .filter((word) => !isGeneric(word))
        .join('_'),
    )
    .filter(Boolean);
  return specific.at(-1) ?? 'camera';
}
