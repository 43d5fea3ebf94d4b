// The unit of systemd/ with this server's user and paths in place of the package's. Pure: text in, text out.

/** Where the unit file says that the program lies. */
const PACKAGE_ROOT = '/opt/elderly-bot';

/** systemd's own PATH for services. */
const DEFAULT_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export interface Server {
  readonly user: string;
  /** Where the program lies. */
  readonly root: string;
  /** The folder of the node that runs it. */
  readonly nodeFolder: string;
  /** Other files that it reads: certificates and keys. */
  readonly reads: readonly string[];
}

/** What systemd would read as the end of a path, or as something to put in its place. */
export function isPlainPath(path: string): boolean {
  return /^\/[\w./@:+,=~-]*$/.test(path);
}

/** @param template the unit file. All paths have to be plain. */
export function unitFor(template: string, { user, root, nodeFolder, reads }: Server): string {
  const isHome = [root, nodeFolder, ...reads].some((path) => /^\/(home|root|run\/user)\//.test(path));
  return template
    .replaceAll(PACKAGE_ROOT, () => root)
    .split('\n')
    .flatMap((line) => {
      if (line.startsWith('User=')) return [`User=${user}`];
      if (line.startsWith('ProtectHome=') && isHome) return ['ProtectHome=read-only'];
      if (line.startsWith('EnvironmentFile=') && !DEFAULT_PATH.includes(nodeFolder)) {
        return [`Environment=PATH=${[nodeFolder, ...DEFAULT_PATH].join(':')}`, line];
      }
      return [line];
    })
    .join('\n');
}
