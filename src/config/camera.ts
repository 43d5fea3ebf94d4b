// The schema of a camera: which images are kept, their size, the zones that are blacked out, and who can decrypt them.
import * as z from 'zod';
import { channelName } from '../wire/index.ts';
import { isVideo } from './imageTopics.ts';
import { BOOL, COMPRESSED_IMAGE, IMAGE, IMAGE_TYPES, isImageType } from './messageTypes.ts';
import { recipients } from './recipients.ts';
import { topicName, typeOrAuto } from './ros.ts';
import { cron, durationBetween, type Fault } from './values.ts';

const EXPECTED_TYPE = `expected ${COMPRESSED_IMAGE}, ${IMAGE}, or auto`;

const fraction = z.number().min(0).max(1);
const share = z.number().gt(0, 'expected more than 0').max(1);

/** A zone in fractions of the image, so that it still covers the bed if the camera's resolution changes. */
const zone = z
  .strictObject({ x: fraction, y: fraction, width: share, height: share })
  .refine(({ x, width }) => x + width <= 1, {
    path: ['width'],
    message: 'expected x + width of at most 1: the zone reaches beyond the right edge',
  })
  .refine(({ y, height }) => y + height <= 1, {
    path: ['height'],
    message: 'expected y + height of at most 1: the zone reaches beyond the lower edge',
  });
export type PrivacyZone = z.infer<typeof zone>;

export const camera = z.strictObject({
  topic: topicName,
  /** If `auto`, the publishers' type is used. */
  type: typeOrAuto(EXPECTED_TYPE)
    .refine((name) => name === undefined || isImageType(name), { error: ({ input }) => typeFault(String(input)) })
    .optional(),
  /** How much of a clip precedes the alert. Scaled-down images from this long are always kept in memory. */
  ring: durationBetween('1s', '60s').prefault('10s'),
  /** How long a clip continues after the alert. */
  after: durationBetween('1s', '60s').prefault('5s'),
  /** Images per second. To save CPU, any more images from the camera are not decoded. */
  rate: z.number().min(0.1).max(10).default(2),
  /** Width in pixels to which images are scaled down. Narrower images keep their size. */
  width: z.int().min(64).max(1920).default(640),
  /** JPEG quality in percent. */
  quality: z.int().min(1).max(95).default(75),
  zones: z.array(zone).max(32).default([]),
  /** Schedule for snapshots without an alert. By default, the camera takes no such snapshots. */
  schedule: cron.optional(),
  /** A std_msgs/Bool topic. While its value is true or unknown, pictures are taken only for alerts of the channels in `privacy_allows`. */
  privacy_topic: topicName.optional(),
  /** Channels whose alerts get pictures even while privacy is on. */
  privacy_allows: z.array(channelName).max(32).default([]),
  /** Public keys in age's format. Only the owners of the matching private keys can decrypt the images; the cloud can't. */
  recipients: recipients.default([]),
});
export type CameraConfig = z.infer<typeof camera>;

function typeFault(type: string): string {
  const advice = `: ${type} is video, which the agent cannot decode; use the images of the same camera, usually on its topic that ends in /compressed`;
  return isVideo(type) ? `${EXPECTED_TYPE}${advice}` : EXPECTED_TYPE;
}

/** The message types that a camera needs. With `type: auto`, its node may publish either type. */
export function cameraTypes({ type, privacy_topic: topic }: CameraConfig): readonly string[] {
  return [...(type === undefined ? IMAGE_TYPES : [type]), ...(topic === undefined ? [] : [BOOL])];
}

interface Whole {
  readonly cameras: Readonly<Record<string, CameraConfig>>;
  readonly channels: Readonly<Record<string, { readonly class: string }>>;
  readonly uploads: { readonly api: string | null };
}

/** Finds faults in cameras that can only be seen together with other parts of the configuration. */
export function cameraFaults({ cameras, channels, uploads }: Whole): Fault[] {
  const alerts = Object.keys(channels).filter((name) => channels[name]?.class === 'alert');
  return Object.entries(cameras).flatMap(([name, { privacy_topic: topic, privacy_allows: allows }]) => {
    const at = ['cameras', name];
    const faults: Fault[] = allows.flatMap((channel, i) =>
      alerts.includes(channel) ? [] : [[[...at, 'privacy_allows', i], `expected a channel of class alert: ${alerts.join(', ')}`]],
    );
    if (uploads.api === null) faults.push([at, 'expected only with uploads.api: without it the images cannot leave the robot']);
    if (allows.length > 0 && topic === undefined) faults.push([[...at, 'privacy_allows'], 'expected only with privacy_topic']);
    return faults;
  });
}
