// The cameras: each one's topic, and what tells of privacy, into its ring of small pictures. One that is wrong disables only itself.
import { type Clock, every } from '../clock/index.ts';
import { type CameraConfig, COMPRESSED_IMAGE, IMAGE, type LoadedConfig } from '../config/index.ts';
import { messageOf } from '../errors.ts';
import { Camera, Jobs, type PictureMessage } from '../media/index.ts';
import { type SharedPorts, startRosNode } from '../ros/index.ts';
import type { CameraStatus, Problems } from '../status/index.ts';
import { Follow } from './follow.ts';

export interface CameraParts {
  readonly loaded: LoadedConfig;
  readonly ports: SharedPorts;
  readonly clock: Clock;
  readonly problems: Problems;
}

export interface Cameras {
  readonly all: readonly Camera[];
  status(): readonly CameraStatus[];
  stop(): Promise<void>;
}

const NONE: Cameras = { all: [], status: () => [], stop: async () => {} };

const BOOL = 'std_msgs/msg/Bool';

/** How often it is looked who publishes pictures. */
const LOOK_EVERY_MS = 1_000;

/** Better known before a fall than after it. */
const SILENT_MS = 60_000;

/**
 * Cameras have a ROS node of their own: what a participant of DDS receives is received by one thread, and an alert must not stand behind
 * the fragments of a picture.
 */
export async function startCameras({ loaded, ports, clock, problems }: CameraParts): Promise<Cameras> {
  const { config, off } = loaded;
  const { namespace, node_name: nodeName, domain_id: domainId } = config.ros;
  for (const { of, name, text } of off) if (of === 'cameras') problems.raise('camera_off', text, name);
  if (Object.keys(config.cameras).length === 0) return NONE;
  const ros = await startRosNode({ name: `${nodeName}_cameras`, namespace, ports, ...(domainId === null ? {} : { domainId }) });
  const jobs = new Jobs();
  const begin = async (name: string, entry: CameraConfig) => {
    const tell = (code: 'camera_off' | 'camera_silent' | 'camera_unreadable' | 'privacy_unknown', what: string | undefined) => {
      if (what === undefined) problems.clear(code, name);
      else problems.raise(code, `${name} (${entry.topic}): ${what}`, name);
    };
    const unreadable = (what: string | undefined) => tell('camera_unreadable', what);
    const camera = new Camera({ name, config: entry, jobs, clock, onTrouble: unreadable });
    try {
      await camera.start();
    } catch (error) {
      tell('camera_off', messageOf(error));
      return { camera, name, topic: entry.topic, lookAfter: () => {}, follows: [] };
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
      onTrouble: (what) => tell('camera_off', what),
    });
    const lookAfter = () =>
      tell('camera_silent', camera.silentMs > SILENT_MS ? `nothing came for ${Math.round(camera.silentMs / 1_000)} s` : undefined);
    return { camera, name, topic: entry.topic, lookAfter, follows: [pictures, ...privacyOf(camera, entry, tell)] };
  };
  const privacyOf = (
    camera: Camera,
    { privacy_topic: topic }: CameraConfig,
    tell: (code: 'privacy_unknown', what: string | undefined) => void,
  ) => {
    if (topic === undefined) return [];
    tell('privacy_unknown', `nothing was heard on ${topic} yet`);
    const onMessage = ({ data }: Readonly<Record<string, unknown>>) => {
      camera.setPrivacy(data !== false);
      tell('privacy_unknown', undefined);
    };
    const onTrouble = (what: string | undefined) => what !== undefined && tell('privacy_unknown', what);
    return [new Follow({ ros, topic, type: BOOL, types: [BOOL], depth: 10, onMessage, onTrouble })];
  };
  const running = await Promise.all(Object.entries(config.cameras).map(([name, entry]) => begin(name, entry)));
  const look = () => {
    for (const { follows, lookAfter } of running) {
      for (const follow of follows) follow.look();
      lookAfter();
    }
  };
  look();
  const looking = every(LOOK_EVERY_MS, look);
  return {
    all: running.map(({ camera }) => camera),
    status: () => running.map(({ camera, name, topic }) => ({ name, topic, ...camera.status() })),
    stop: async () => {
      looking.stop();
      for (const { camera, follows } of running) {
        for (const follow of follows) follow.close();
        camera.close();
      }
      await ros.stop();
    },
  };
}
