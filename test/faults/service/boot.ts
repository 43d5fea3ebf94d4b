// Cuts the power. At the next boot network, time and nodes arrive after the agent, in a random order.
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ending } from '../../../src/service/index.ts';
import { UNIT } from '../../support/service.ts';
import { FakeClock } from '../fakeClock.ts';
import { type Random, shuffled } from '../random.ts';
import type { Robot } from './robot.ts';

const UP_WITHIN_MS = 30_000;
const TARGET = 'robot.target';

/** The boot target: the agent, and a network and a time service that start when a file appears. */
const UNITS: Readonly<Record<string, string>> = {
  [TARGET]: `[Unit]\nWants=${UNIT} late-network.service late-time.service network-online.target time-sync.target\n`,
  'late-network.service': late('network-online.target', 'network'),
  'late-time.service': late('time-sync.target', 'time'),
};

function late(target: string, file: string): string {
  const unit = `[Unit]\nDefaultDependencies=no\nBefore=${target}\n`;
  return `${unit}[Service]\nType=oneshot\nExecStart=/bin/sh -c 'until [ -e /run/lab/boot/${file} ]; do sleep 0.1; done'\nTimeoutStartSec=infinity\n`;
}

/** The boot time of a computer whose clock has no battery. */
const IN_1970 = (): number => 86_400 - Math.floor(Date.now() / 1_000);

export async function boot(robot: Robot, random: Random): Promise<Ending> {
  const { bench } = robot;
  const files = join(bench.lab.folder, 'boot');
  rmSync(files, { recursive: true, force: true });
  mkdirSync(files);
  for (const [name, text] of Object.entries(UNITS)) writeFileSync(bench.lab.path(`/etc/systemd/system/${name}`), text);
  const time = new FakeClock(join(files, 'clock'));
  time.set(IN_1970());
  // The lab's kernel does not boot, so the test sets the boot's id.
  const id = { ELDERLY_BOT_BOOT_ID: randomBytes(16).toString('hex') };
  robot.setEnvironment(lines({ ...time.env(), FAKETIME_TIMESTAMP_FILE: '/run/lab/boot/clock', ...id }));
  await robot.endNode();
  await bench.broker.kill();
  await bench.lab.powerCut(TARGET);
  try {
    const ending = await upAlone(robot);
    const comes: Readonly<Record<string, () => Promise<void>>> = {
      nodes: async () => {
        await robot.startNode();
        await robot.heard();
      },
      network: async () => {
        writeFileSync(join(files, 'network'), '');
        await bench.broker.restart();
      },
      time: async () => {
        writeFileSync(join(files, 'time'), '');
        time.set(0);
      },
    };
    for (const what of shuffled(Object.keys(comes), random)) await comes[what]?.();
    await bench.status(({ link, clock }) => link.state === 'connected' && clock.trusted, UP_WITHIN_MS);
    await bench.lab.until(() => bench.lab.run('systemctl', 'is-active', TARGET).code === 0, UP_WITHIN_MS);
    return ending;
  } finally {
    robot.setEnvironment(lines(id));
    robot.systemctl('restart', UNIT);
    await robot.startNode();
    await bench.broker.kill();
    await bench.broker.restart();
  }
}

/** @returns the cause of the last run's end. @throws if the agent waited for another service or trusts a clock in 1970 */
async function upAlone(robot: Robot): Promise<Ending> {
  const { lab } = robot.bench;
  await lab.until(() => robot.properties('ActiveState').ActiveState === 'active', UP_WITHIN_MS);
  for (const target of ['network-online.target', 'time-sync.target']) {
    if (lab.run('systemctl', 'is-active', target).code === 0) throw new Error(`${target} was there first`);
  }
  const { clock } = await robot.bench.status(() => true);
  if (clock.trusted) throw new Error(`its clock says ${new Date(clock.at).toISOString()}, and is believed`);
  return robot.ending();
}

function lines(env: NodeJS.ProcessEnv): string {
  return Object.entries(env)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
