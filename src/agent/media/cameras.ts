// Feeds each camera's topic, and its privacy topic, into its ring of small pictures. An invalid camera disables only itself.

import { every, messageOf, type Ticker } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import { type CameraConfig, COMPRESSED_IMAGE, IMAGE, type LoadedConfig } from '../../config/index.ts';
import { Camera, Jobs, type PictureMessage } from '../../media/index.ts';
import { type RosNode, type SharedMemoryRepair, startRosNode } from '../../ros/index.ts';
import type { CameraStatus, ProblemCode, Problems } from '../../status/index.ts';
import { Follow } from '../sensing/follow.ts';

export interface CameraParts {
  readonly loaded: LoadedConfig;
  readonly sharedMemory: SharedMemoryRepair | undefined;
  readonly clock: Clock;
  readonly problems: Problems;
}

interface Running {
  readonly name: string;
  readonly entry: CameraConfig;
  readonly camera: Camera;
  readonly follows: readonly Follow[];
}

const BOOL = 'std_msgs/msg/Bool';

/** How often the publishers of pictures are checked. */
const LOOK_EVERY_MS = 1_000;

/** A missing camera should be known before a fall, not after it. */
const SILENT_MS = 60_000;

/** Problems of a camera, which end when it is removed. */
const PROBLEMS = [
  'camera_off',
  'camera_silent',
  'camera_unreadable',
  'privacy_unknown',
  'pictures_missing',
] as const satisfies readonly ProblemCode[];

/** @throws AgentError if ROS refuses the node. */
export async function startCameras(parts: CameraParts): Promise<Cameras> {
  const { config, off } = parts.loaded;
  for (const { section, name, text } of off) if (section === 'cameras') parts.problems.raise('camera_off', text, name);
  const cameras = new Cameras(parts);
  await cameras.begin(config.cameras);
  return cameras;
}

/**
 * Cameras have a ROS node of their own: one thread receives all data of a DDS participant, and an alert must not wait behind the
 * fragments of a picture. The node starts with the first camera.
 */
export class Cameras {
  readonly #parts: CameraParts;
  readonly #jobs = new Jobs();
  #running: readonly Running[] = [];
  #ros: RosNode | undefined;
  #looking: Ticker | undefined;
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

  /** @throws AgentError if ROS refuses the node. */
  async begin(entries: Readonly<Record<string, CameraConfig>>): Promise<void> {
    const fresh = Object.entries(entries);
    if (fresh.length === 0) return;
    const { loaded, sharedMemory } = this.#parts;
    const { namespace, node_name: nodeName, domain_id: domainId } = loaded.config.ros;
    this.#ros ??= await startRosNode({ name: `${nodeName}_cameras`, namespace, sharedMemory, ...(domainId === null ? {} : { domainId }) });
    const ros = this.#ros;
    const begun = await Promise.all(fresh.map(([name, entry]) => this.#begin(ros, name, entry)));
    this.#running = [...this.#running, ...begun];
    this.#look();
    this.#looking ??= every(LOOK_EVERY_MS, () => this.#look());
  }

  /** Applies another configuration: unchanged cameras continue and keep their pictures. */
  apply({ config: { cameras } }: LoadedConfig): void {
    const { problems } = this.#parts;
    const isSame = ({ name, entry }: Running) => JSON.stringify(cameras[name]) === JSON.stringify(entry);
    this.#changing = this.#changing
      .then(async () => {
        const gone = this.#running.filter((one) => !isSame(one));
        this.#running = this.#running.filter(isSame);
        for (const one of gone) this.#end(one);
        // A camera that was off was invalid in the file, and the new file is valid.
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
    this.#looking?.stop();
    for (const { camera, follows } of this.#running) {
      for (const follow of follows) follow.close();
      camera.close();
    }
    await this.#ros?.stop();
  }

  async #begin(ros: RosNode, name: string, entry: CameraConfig): Promise<Running> {
    const { clock } = this.#parts;
    const unreadable = (what: string | undefined) => this.#tell('camera_unreadable', name, entry, what);
    const camera = new Camera({ name, config: entry, jobs: this.#jobs, clock, onTrouble: unreadable });
    try {
      await camera.start();
    } catch (error) {
      this.#tell('camera_off', name, entry, messageOf(error));
      return { name, entry, camera, follows: [] };
    }
    const pictures = new Follow({
      ros,
      topic: entry.topic,
      type: entry.type,
      types: [IMAGE, COMPRESSED_IMAGE],
      depth: 1,
      everyMs: Math.round(1_000 / entry.rate),
      onMessage: (message) => camera.see(message as unknown as PictureMessage),
      onError: (error) => unreadable(messageOf(error)),
      onTrouble: (what) => this.#tell('camera_off', name, entry, what),
    });
    return { name, entry, camera, follows: [pictures, ...this.#privacyOf(ros, camera, entry)] };
  }

  #privacyOf(ros: RosNode, camera: Camera, entry: CameraConfig): Follow[] {
    const { privacy_topic: topic } = entry;
    if (topic === undefined) return [];
    const tell = (what: string | undefined) => this.#tell('privacy_unknown', camera.name, entry, what);
    tell(`nothing was latestValue on ${topic} yet`);
    const onMessage = ({ data }: Readonly<Record<string, unknown>>) => {
      camera.setPrivacy(data !== false);
      tell(undefined);
    };
    const onTrouble = (what: string | undefined) => what !== undefined && tell(what);
    return [new Follow({ ros, topic, type: BOOL, types: [BOOL], depth: 10, onMessage, onTrouble })];
  }

  #end({ name, camera, follows }: Running): void {
    for (const follow of follows) follow.close();
    camera.close();
    for (const code of PROBLEMS) this.#parts.problems.clear(code, name);
  }

  #look(): void {
    for (const { name, entry, camera, follows } of this.#running) {
      for (const follow of follows) follow.look();
      if (follows.length === 0) continue;
      const isSilent = camera.silentMs > SILENT_MS;
      this.#tell('camera_silent', name, entry, isSilent ? `nothing came for ${Math.round(camera.silentMs / 1_000)} s` : undefined);
    }
  }

  #tell(code: (typeof PROBLEMS)[number], name: string, { topic }: CameraConfig, what: string | undefined): void {
    const { problems } = this.#parts;
    if (what === undefined) problems.clear(code, name);
    else problems.raise(code, `${name} (${topic}): ${what}`, name);
  }
}
