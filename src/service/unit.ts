// Renders the unit templates in systemd/ with this robot's user, paths and environment. Pure functions.
import { renderUnit } from '../base/index.ts';

/** The default paths in the templates, which are replaced by this robot's. */
const PACKAGE = { root: '/opt/elderly-bot', config: '/etc/elderly-bot/robot.yaml', stateDir: '/var/lib/elderly-bot' };

/** Variables for ROS and the broker, copied from the installing shell to the unit. No secrets: any user may read a unit's environment. */
const CARRIED = [
  'ROS_DOMAIN_ID',
  'ROS_AUTOMATIC_DISCOVERY_RANGE',
  'ROS_STATIC_PEERS',
  'ROS_LOCALHOST_ONLY',
  'ROS_DISCOVERY_SERVER',
  'RMW_IMPLEMENTATION',
  'FASTRTPS_DEFAULT_PROFILES_FILE',
  'FASTDDS_DEFAULT_PROFILES_FILE',
  'FASTDDS_BUILTIN_TRANSPORTS',
  'CYCLONEDDS_URI',
  'ROS_SECURITY_ENABLE',
  'ROS_SECURITY_STRATEGY',
  'ROS_SECURITY_KEYSTORE',
  'ROS_SECURITY_ENCLAVE_OVERRIDE',
  'AWS_IOT_ENDPOINT',
  'AWS_ROOT_CA',
  'AWS_CERT_FILE',
  'AWS_PRIVATE_KEY',
] as const;

/** Variables that a ROS workspace's `setup.bash` sets. They are also copied if the shell has such a workspace. */
const OVERLAY = ['AMENT_PREFIX_PATH', 'LD_LIBRARY_PATH', 'ROS_DISTRO', 'ROS_VERSION', 'ROS_PYTHON_VERSION'] as const;

export interface Robot {
  readonly user: string;
  /** The program's directory. */
  readonly root: string;
  readonly config: string;
  readonly stateDir: string;
  /** Other files that the agent reads: certificates and keys. */
  readonly reads: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** The line by which systemd gives the unit a credential. Undefined for none. */
  readonly credential?: string | undefined;
}

/** @param template the content of a unit file in systemd/. */
export function unitFor(template: string, { user, root, config, stateDir, reads, env, credential }: Robot): string {
  const overlays = (env.AMENT_PREFIX_PATH ?? '').split(':').filter((path) => path && !isFoundByLauncher(path, root));
  // systemd creates the state directory itself (StateDirectory=), but only below /var/lib. Any other one must be made writable.
  const below = stateDir.startsWith('/var/lib/') ? stateDir.slice('/var/lib/'.length) : undefined;
  return renderUnit(template, {
    user,
    replaced: [
      [PACKAGE.root, root],
      [PACKAGE.config, config],
      [PACKAGE.stateDir, stateDir],
      ...(below === undefined ? [['$$STATE_DIRECTORY', stateDir] as const] : []),
    ],
    paths: [root, config, stateDir, ...reads, ...overlays, env.ROS_SECURITY_KEYSTORE ?? ''],
    environment: carried(env, overlays.length > 0),
    directives: {
      StateDirectory: below === undefined ? `ReadWritePaths=${stateDir}` : `StateDirectory=${below}`,
      ...(credential === undefined ? {} : { KeyringMode: `KeyringMode=private\n${credential}` }),
    },
  });
}

/** Whether bin/with-ros, which starts the service, finds this path by itself, so that the unit need not set it. */
function isFoundByLauncher(path: string, root: string): boolean {
  return /^\/opt\/ros\/[^/]+\/?$/.test(path) || path.startsWith(`${root}/.ros2`);
}

function carried(env: NodeJS.ProcessEnv, hasOverlay: boolean): [name: string, value: string][] {
  return [...CARRIED, ...(hasOverlay ? OVERLAY : [])].flatMap((name): [string, string][] => {
    const value = env[name];
    return value === undefined || value === '' ? [] : [[name, value]];
  });
}
