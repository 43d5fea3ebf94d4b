// Starts the cameras and passes on the messages from their image and privacy topics. An invalid camera only disables itself.
import { every, messageOf, type Ticker } from '../../base/index.ts';
import { BOOL, type CameraConfig, type GraphTopic, IMAGE_TYPES, imageAdvice, isImageType, type LoadedConfig } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { Camera, type CameraMessage, Jobs } from '../../media/index.ts';
import { type RosNode, type SharedMemoryRepair, startRosNode } from '../../ros/index.ts';
import type { CameraStatus, ProblemCode } from '../../status/index.ts';
import type { Parts } from '../lifecycle/parts.ts';
import { TopicSubscription } from '../sensing/topicSubscription.ts';

export interface CameraParts extends Pick<Parts, 'loaded' | 'clock' | 'problems'> {
  readonly sharedMemory: SharedMemoryRepair | undefined;
}

interface RunningCamera {
  readonly name: string;
  readonly entry: CameraConfig;
  readonly camera: Camera;
  readonly subscriptions: readonly TopicSubscription[];
}

const CHECK_EVERY_MS = 1_000;

/** A camera is reported as silent if it sends no message for this long, so that the family knows before the next alert. */
const SILENT_MS = 60_000;

/** Problems of a single camera. All of them end if the camera is removed. */
const PROBLEMS = [
  'camera_off',
  'camera_silent',
  'camera_unreadable',
  'privacy_unknown',
  'pictures_missing',
] as const satisfies readonly ProblemCode[];

/** @throws AgentError if ROS refuses to start the node. */
export async function startCameras(parts: CameraParts): Promise<Cameras> {
  const { config, off } = parts.loaded;
  for (const { section, name, text } of off) if (section === 'cameras') parts.problems.raise('camera_off', text, name);
  const cameras = new Cameras(parts);
  await cameras.begin(config.cameras);
  return cameras;
}

/**
 * The cameras have their own ROS node, started with the first camera. A DDS participant receives all its data on one thread, so on a shared
 * node an alert would have to wait behind the fragments of an image.
 */
export class Cameras {
  readonly #parts: CameraParts;
  readonly #jobs = new Jobs();
  #running: readonly RunningCamera[] = [];
  #ros: RosNode | undefined;
  #ticker: Ticker | undefined;
  #changing: Promise<void> = Promise.resolve();

  constructor(parts: CameraParts) {
    this.#parts = parts;
  }

  get all(): readonly Camera[] {
    return this.#running.map(({ camera }) => camera);
  }

  status(): readonly CameraStatus[] {
    return this.#running.map(({ name, entry, camera }) => ({ name, topic: entry.topic, ...camera.status() }));
  }

  /** @throws AgentError if ROS refuses to start the node. */
  async begin(entries: Readonly<Record<string, CameraConfig>>): Promise<void> {
    const added = Object.entries(entries);
    if (added.length === 0) return;
    const { loaded, sharedMemory } = this.#parts;
    const { namespace, node_name: nodeName, domain_id: domainId } = loaded.config.ros;
    this.#ros ??= await startRosNode({ name: `${nodeName}_cameras`, namespace, sharedMemory, domainId });
    const ros = this.#ros;
    const begun = await Promise.all(added.map(([name, entry]) => this.#begin(ros, name, entry)));
    this.#running = [...this.#running, ...begun];
    this.#check();
    this.#ticker ??= every(CHECK_EVERY_MS, () => this.#check());
  }

  /** Applies a new configuration. Unchanged cameras keep running and keep their images. */
  apply({ config: { cameras } }: LoadedConfig): void {
    const { problems } = this.#parts;
    const isUnchanged = ({ name, entry }: RunningCamera) => JSON.stringify(cameras[name]) === JSON.stringify(entry);
    this.#changing = this.#changing
      .then(async () => {
        const ended = this.#running.filter((running) => !isUnchanged(running));
        this.#running = this.#running.filter(isUnchanged);
        for (const running of ended) {
          this.#end(running);
          for (const code of PROBLEMS) problems.clear(code, running.name);
        }
        // A reload accepts only valid files, so no camera is disabled because of an error in its entry any more.
        for (const { section, name } of this.#parts.loaded.off) if (section === 'cameras') problems.clear('camera_off', name);
        const kept = new Set(this.#running.map(({ name }) => name));
        await this.begin(Object.fromEntries(Object.entries(cameras).filter(([name]) => !kept.has(name))));
      })
      .catch((error: unknown) => {
        for (const name of Object.keys(cameras)) problems.raise('camera_off', messageOf(error), name);
      });
  }

  async stop(): Promise<void> {
    await this.#changing;
    this.#ticker?.stop();
    for (const running of this.#running) this.#end(running);
    await this.#ros?.stop();
  }

  async #begin(ros: RosNode, name: string, entry: CameraConfig): Promise<RunningCamera> {
    const { clock } = this.#parts;
    const onTrouble = (error: unknown) => this.#setProblem('camera_unreadable', name, entry, troubleOf(error, entry, ros));
    const camera = new Camera({ name, config: entry, jobs: this.#jobs, clock, onTrouble });
    try {
      await camera.start();
    } catch (error) {
      this.#setProblem('camera_off', name, entry, messageOf(error));
      return { name, entry, camera, subscriptions: [] };
    }
    const images = new TopicSubscription({
      ros,
      topic: entry.topic,
      type: entry.type,
      acceptedTypes: IMAGE_TYPES,
      depth: 1,
      everyMs: Math.round(1_000 / entry.rate),
      onMessage: (message) => camera.receive(message as unknown as CameraMessage),
      onError: onTrouble,
      onTrouble: (trouble) => this.#setProblem('camera_off', name, entry, trouble && withAdvice(trouble, entry, ros)),
    });
    return { name, entry, camera, subscriptions: [images, ...this.#privacyOf(ros, camera, entry)] };
  }

  #privacyOf(ros: RosNode, camera: Camera, entry: CameraConfig): TopicSubscription[] {
    const { privacy_topic: topic } = entry;
    if (topic === undefined) return [];
    const setUnknown = (reason: string | undefined) => this.#setProblem('privacy_unknown', camera.name, entry, reason);
    setUnknown(`no message on ${topic} yet`);
    const onMessage = ({ data }: Readonly<Record<string, unknown>>) => {
      camera.setPrivacy(data !== false);
      setUnknown(undefined);
    };
    const onTrouble = (trouble: string | undefined) => trouble !== undefined && setUnknown(trouble);
    return [new TopicSubscription({ ros, topic, type: BOOL, acceptedTypes: [BOOL], depth: 10, onMessage, onTrouble })];
  }

  #end({ camera, subscriptions }: RunningCamera): void {
    for (const subscription of subscriptions) subscription.close();
    camera.close();
  }

  #check(): void {
    for (const { name, entry, camera, subscriptions } of this.#running) {
      for (const subscription of subscriptions) subscription.checkPublishers();
      if (subscriptions.length === 0) continue;
      const { silentMs } = camera;
      this.#setProblem('camera_silent', name, entry, silentMs > SILENT_MS ? `no message for ${Math.round(silentMs / 1_000)} s` : undefined);
    }
  }

  #setProblem(code: (typeof PROBLEMS)[number], name: string, { topic }: CameraConfig, text: string | undefined): void {
    this.#parts.problems.set(code, text === undefined ? undefined : `${name} (${topic}): ${text}`, name);
  }
}

/** @returns why an image cannot be read, and which topic to use if the agent cannot decode this kind of image at all. */
function troubleOf(error: unknown, { topic }: CameraConfig, ros: RosNode): string | undefined {
  if (error === undefined) return undefined;
  const isOtherKind = error instanceof AgentError && (error.fields.why === 'encoding' || error.fields.why === 'format');
  return isOtherKind ? `${messageOf(error)}; ${imageAdvice(topic, publishedImages(ros))}` : messageOf(error);
}

/** Adds which topic to use if no node publishes images on this one. */
function withAdvice(trouble: string, { topic }: CameraConfig, ros: RosNode): string {
  const types = ros.publishersOf(topic).map(({ type }) => type);
  const isImage = types.length === 0 || types.some(isImageType);
  return isImage ? trouble : `${trouble}; ${imageAdvice(topic, publishedImages(ros), types)}`;
}

/**
 * @returns the topics of images that have a publisher. ROS also lists topics to which a node only subscribes, such as those of a viewer. To
 * ask for publishers takes time, so other topics are left out first.
 */
export function publishedImages(ros: Pick<RosNode, 'topics' | 'publishersOf'>): GraphTopic[] {
  return ros
    .topics()
    .filter(({ types }) => types.some(isImageType))
    .map(({ topic }) => ({ topic, types: ros.publishersOf(topic).map(({ type }) => type) }))
    .filter(({ types }) => types.some(isImageType));
}
