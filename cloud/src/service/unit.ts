// The unit of systemd/ with this server's user and paths in place of the package's. Pure: text in, text out.
import { renderUnit } from '../../../src/base/index.ts';

/** The folder of the program in the unit file. */
const PACKAGE_ROOT = '/opt/elderly-bot';

export interface Server {
  readonly user: string;
  /** The folder of the program. */
  readonly root: string;
  /** Other files that the cloud reads: certificates and keys. */
  readonly reads: readonly string[];
}

/** @param template the text of the unit file. All paths have to be plain. */
export function unitFor(template: string, { user, root, reads }: Server): string {
  return renderUnit(template, { user, replaced: [[PACKAGE_ROOT, root]], paths: [root, ...reads] });
}
