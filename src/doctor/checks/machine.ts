// Checks the machine: Node.js, the installed versions, and whether systemd runs the agent.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { versions as findVersions } from '../../service/index.ts';
import { VERSION } from '../../version.ts';
import { type Check, error, ok, skipped, warning } from '../check.ts';
import { robotCheck } from '../context.ts';

const run = promisify(execFile);
/** Must be the major version of the Node.js that package.json pins. */
const NODE_MAJOR = 24;
const UNIT = 'elderly-bot.service';

export const node: Check = {
  code: 'node',
  deadlineMs: 5_000,
  run: async () => {
    const { node: version } = process.versions;
    if (Number.parseInt(version, 10) === NODE_MAJOR)
      return ok(`Node.js ${version}, elderly-bot ${VERSION}, on ${process.platform} ${process.arch}`);
    const remedy = 'start it with bin/elderly-bot, which finds the pinned Node.js';
    return error(`Node.js ${version} instead of the pinned ${NODE_MAJOR}`, remedy, 'elderly-bot doctor');
  },
};

export const versions = robotCheck('versions', 10_000, async ({ agent }) => {
  const running = (await agent)?.version;
  if (running !== undefined && running !== VERSION) {
    const observed = `the running agent is version ${running}, this program is version ${VERSION}`;
    return warning(observed, 'restart the agent', `sudo systemctl restart ${UNIT}`);
  }
  return ok(
    Object.entries(findVersions())
      .map(([name, version]) => `${name} ${version ?? 'none'}`)
      .join(', '),
  );
});

export const service = robotCheck('service', 10_000, async ({ agent, holder }) => {
  if (!existsSync('/run/systemd/system')) return skipped('this machine does not run systemd');
  const { stdout } = await run('systemctl', ['show', UNIT, '--property=LoadState,ActiveState,UnitFileState,Result']);
  const property = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1];
  const [active, enabled] = [property('ActiveState'), property('UnitFileState')];
  if (property('LoadState') !== 'loaded') return skipped(`${UNIT} is not installed`);
  if (active === 'failed')
    return error(`${UNIT} has failed (${property('Result')})`, 'read its log', `journalctl -u ${UNIT} -n 50 --no-pager`);
  if (active !== 'active' && ((await agent) !== undefined || holder !== undefined))
    return ok(`${UNIT} is ${active}; the agent was started by hand`);
  if (active !== 'active') return error(`${UNIT} is ${active}`, 'start the service', `sudo systemctl start ${UNIT}`);
  if (enabled === 'disabled')
    return warning(`${UNIT} runs, but does not start after a reboot`, 'enable the service', `sudo systemctl enable ${UNIT}`);
  return ok(`${UNIT} is ${active}, ${enabled}`);
});
