// Knows which topics of a camera carry images that the agent can decode. image_transport publishes each image on several topics: the plain
// one, and one per transport below it, such as `/camera/image_raw/compressed`. Pure.
import { IMAGE_TYPES, isImageType } from './messageTypes.ts';

/** Suffixes of transports that the agent cannot decode (image_transport_plugins, ffmpeg_image_transport, isaac_ros_h264). */
const UNSUITABLE: Readonly<Record<string, string>> = {
  compressedDepth: 'distances as compressedDepth',
  theora: 'video (Theora)',
  ffmpeg: 'video (ffmpeg_image_transport)',
  h264: 'video (H.264)',
  h265: 'video (H.265)',
  zstd: 'raw images compressed with zstd',
};

/** Message types of video. Each message has only the differences from earlier ones. */
const VIDEO: readonly string[] = [
  'ffmpeg_image_transport_msgs/msg/FFMPEGPacket',
  'foxglove_msgs/msg/CompressedVideo',
  'theora_image_transport/msg/Packet',
];

/** Parts of the names of topics with distances or infrared light, such as `/camera/depth/image_rect_raw`. */
const NO_COLOURS = /(depth|disparity|infra|(^|_)ir\d?(_|$))/i;

/** A published topic, with the types of its publishers. */
export interface GraphTopic {
  readonly topic: string;
  readonly types: readonly string[];
}

export function isVideo(type: string): boolean {
  return VIDEO.includes(type);
}

/** @returns the content of a topic whose name shows that the agent cannot decode it, such as `video (Theora)`. Otherwise undefined. */
export function unsuitableContent(topic: string): string | undefined {
  const suffix = partsOf(topic).at(-1) ?? '';
  return Object.hasOwn(UNSUITABLE, suffix) ? UNSUITABLE[suffix] : undefined;
}

/** Whether the topic carries distances and not colours, by its name. */
export function isDepth(topic: string): boolean {
  return partsOf(topic).some((part) => /depth|disparity/i.test(part));
}

/**
 * Advises which topic to use instead of one that cannot be decoded.
 * @param graph the published topics, if they are known. @param types the types that are published on the topic itself, if they are known.
 */
export function imageAdvice(topic: string, graph: readonly GraphTopic[] = [], types: readonly string[] = []): string {
  const found = nearestImages(topic, graph);
  if (found !== undefined) return `use ${found}, which carries images`;
  const base = baseOf(topic);
  if (types.length > 0 && base === topic && !types.some((type) => isVideo(type) || isImageType(type)))
    return 'use a topic that carries images: elderly-bot topics lists all';
  if (isDepth(base)) return 'use a topic with the colour images of the same camera, usually one that ends in /compressed';
  return `use the images of the same camera, usually on ${base}/compressed`;
}

/** @returns the published topic with images whose name has the longest common start with the given one. */
function nearestImages(topic: string, graph: readonly GraphTopic[]): string | undefined {
  const base = baseOf(topic);
  const rank = ({ types }: GraphTopic) => IMAGE_TYPES.findIndex((type) => types.includes(type));
  const shared = (other: GraphTopic) => commonParts(base, other.topic);
  const [best] = graph
    .filter((other) => other.topic !== topic && rank(other) !== -1 && shared(other) > 0)
    .filter((other) => unsuitableContent(other.topic) === undefined && !partsOf(other.topic).some((part) => NO_COLOURS.test(part)))
    .sort((a, b) => shared(b) - shared(a) || rank(a) - rank(b));
  return best?.topic;
}

/** The topic without the suffix of a transport. */
function baseOf(topic: string): string {
  return unsuitableContent(topic) === undefined ? topic : topic.slice(0, topic.lastIndexOf('/'));
}

function partsOf(topic: string): string[] {
  return topic.split('/').filter((part) => part !== '');
}

function commonParts(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  const differs = left.findIndex((part, i) => part !== right[i]);
  return differs === -1 ? left.length : differs;
}
