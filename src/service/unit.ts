// The units of systemd/ with a robot's own user, paths and environment in place of the package's. Pure: text in, text out.

/** What the files in systemd/ say. */
const PACKAGE = { root: '/opt/elderly-bot', config: '/etc/elderly-bot/robot.yaml', stateDir: '/var/lib/elderly-bot' };

/** systemd's own PATH for services. */
const DEFAULT_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** What a person may have set for ROS or the broker, and the service has to have too. None is a secret. */
const CARRIED = [
  'ROS_DOMAIN_ID',
  'ROS_AUTOMATIC_DISCOVERY_RANGE',
  'ROS_STATIC_PEERS',
  'ROS_LOCALHOST_ONLY',
  'RMW_IMPLEMENTATION',
  'FASTRTPS_DEFAULT_PROFILES_FILE',
  'FASTDDS_BUILTIN_TRANSPORTS',
  'CYCLONEDDS_URI',
  'AWS_IOT_ENDPOINT',
  'AWS_ROOT_CA',
  'AWS_CERT_FILE',
  'AWS_PRIVATE_KEY',
] as const;

/** What `source install/setup.bash` of a workspace sets. */
const OVERLAY = ['AMENT_PREFIX_PATH', 'LD_LIBRARY_PATH', 'ROS_DISTRO', 'ROS_VERSION', 'ROS_PYTHON_VERSION'] as const;

export interface Robot {
  readonly user: string;
  /** Where the program lies. */
  readonly root: string;
  readonly config: string;
  readonly stateDir: string;
  /** The folder of the node that runs it. */
  readonly nodeFolder: string;
  /** Other files it reads: certificates and keys. */
  readonly reads: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** @param template a unit of systemd/. */
export function unitFor(template: string, robot: Robot): string {
  const { user, root, config, stateDir } = robot;
  const overlays = (robot.env.AMENT_PREFIX_PATH ?? '').split(':').filter((path) => path && !isFound(path, root));
  const read = [root, config, robot.nodeFolder, ...robot.reads, ...overlays];
  const below = stateDir.startsWith('/var/lib/') ? stateDir.slice('/var/lib/'.length) : undefined;
  const lines = template
    .replaceAll(PACKAGE.root, () => quotedPath(root))
    .replaceAll(PACKAGE.config, () => quotedPath(config))
    .replaceAll(PACKAGE.stateDir, () => quotedPath(stateDir))
    .replaceAll('$$STATE_DIRECTORY', () => (below === undefined ? quotedPath(stateDir) : '$$STATE_DIRECTORY'))
    .split('\n')
    .map((line) => {
      if (line.startsWith('User=')) return `User=${user}`;
      if (line.startsWith('StateDirectory='))
        return below === undefined ? `ReadWritePaths=${quotedPath(stateDir)}` : `StateDirectory=${below}`;
      if (line.startsWith('ProtectHome=') && [...read, stateDir].some(isInHome)) return 'ProtectHome=read-only';
      return line;
    });
  const more = environment(robot, overlays.length > 0).map(([name, value]) => `Environment="${name}=${quotedValue(value)}"`);
  const at = lines.findIndex((line) => line.startsWith('EnvironmentFile='));
  // A unit without a sandbox needs the environment as well.
  lines.splice(at === -1 ? lines.findIndex((line) => line.startsWith('User=')) + 1 : at, 0, ...more);
  return lines.join('\n');
}

/** The launcher finds these by itself (bin/with-ros). */
function isFound(path: string, root: string): boolean {
  return /^\/opt\/ros\/[^/]+\/?$/.test(path) || path.startsWith(`${root}/.ros2`);
}

function isInHome(path: string): boolean {
  return /^\/(home|root|run\/user)\//.test(path);
}

function environment({ env, nodeFolder }: Robot, hasOverlay: boolean): [name: string, value: string][] {
  const names = [...CARRIED, ...(hasOverlay ? OVERLAY : [])];
  const carried = names.flatMap((name): [string, string][] => {
    const value = env[name];
    return value === undefined || value === '' ? [] : [[name, value]];
  });
  if (DEFAULT_PATH.includes(nodeFolder)) return carried;
  return [['PATH', [nodeFolder, ...DEFAULT_PATH].join(':')], ...carried];
}

/** % begins a specifier, $ a variable. Paths with spaces, quotes or backslashes are refused before (service.ts of the command line). */
function quotedPath(path: string): string {
  return path.replaceAll('%', '%%').replaceAll('$', () => '$$');
}

function quotedValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%');
}
