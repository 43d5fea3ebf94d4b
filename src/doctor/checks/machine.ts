// The machine: Node.js, installed versions, and whether systemd runs the agent.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { versions as findVersions } from '../../service/index.ts';
import { VERSION } from '../../version.ts';
import type { Check, Finding } from '../check.ts';
import { ok, robotCheck, skipped } from '../context.ts';

const run = promisify(execFile);
/** The major of the pinned Node.js (package.json). */
const NODE_MAJOR = 24;
const UNIT = 'elderly-bot.service';

export const node: Check = {
  code: 'node',
  deadlineMs: 5_000,
  run: async (): Promise<Finding> => {
    if (Number.parseInt(process.versions.node, 10) !== NODE_MAJOR) {
      return {
        status: 'error',
        observed: `Node.js ${process.versions.node}, and not the pinned ${NODE_MAJOR}`,
        remedy: 'start it with bin/elderly-bot, which finds the pinned Node.js',
        command: 'elderly-bot doctor',
      };
    }
    return ok(`Node.js ${process.versions.node}, elderly-bot ${VERSION}, on ${process.platform} ${process.arch}`);
  },
};

export const versions = robotCheck('versions', 10_000, async ({ agent }): Promise<Finding> => {
  const running = (await agent)?.version;
  if (running !== undefined && running !== VERSION) {
    const observed = `the running agent is version ${running}, this program is version ${VERSION}`;
    return { status: 'warning', observed, remedy: 'restart the agent', command: `sudo systemctl restart ${UNIT}` };
  }
  const all = Object.entries(findVersions()).map(([name, version]) => `${name} ${version ?? 'none'}`);
  return ok(all.join(', '));
});

export const service = robotCheck('service', 10_000, async ({ agent, holder }): Promise<Finding> => {
  if (!existsSync('/run/systemd/system')) return skipped('this machine does not run systemd');
  const { LoadState: load, ActiveState: active, UnitFileState: enabled, Result: result } = await properties();
  if (load !== 'loaded') return skipped(`${UNIT} is not installed`);
  if (active === 'failed') {
    return {
      status: 'error',
      observed: `${UNIT} has failed (${result})`,
      remedy: 'look at its log',
      command: `journalctl -u ${UNIT} -n 50 --no-pager`,
    };
  }
  const runsElsewhere = active !== 'active' && ((await agent) !== undefined || holder !== undefined);
  if (runsElsewhere) return ok(`${UNIT} is ${active}; the agent was started by hand`);
  if (active !== 'active')
    return { status: 'error', observed: `${UNIT} is ${active}`, remedy: 'start the service', command: `sudo systemctl start ${UNIT}` };
  if (enabled === 'disabled') {
    return {
      status: 'warning',
      observed: `${UNIT} runs, but does not start after a reboot`,
      remedy: 'enable the service',
      command: `sudo systemctl enable ${UNIT}`,
    };
  }
  return ok(`${UNIT} is ${active}, ${enabled}`);
});

async function properties(): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await run('systemctl', ['show', UNIT, '--property=LoadState,ActiveState,UnitFileState,Result']);
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
