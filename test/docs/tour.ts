// The tour: runs ten commands that a newcomer types and records their output. `npm run tour` writes docs/guide/tour.md; a test runs the
// tour and compares it with the page, so that the page cannot show an outdated command line.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { claimDomain } from '../../scripts/lab/domain.ts';
import { ROOT } from '../../scripts/lab/program.ts';
import { askStatus, type Status } from '../../src/status/index.ts';
import { findMosquitto } from '../support/mosquitto.ts';
import { freePort } from '../support/ports.ts';
import { eventually } from '../support/until.ts';

interface Step {
  readonly intro: string;
  readonly command: string;
  /** The command is repeated until its output matches, because ROS nodes discover each other over time. */
  readonly expects?: RegExp;
  /** The command runs in the background with its output in the file `log`. The tour continues when `until` returns true. */
  readonly background?: { readonly log: string; readonly until: (status: Status | undefined) => boolean };
}

const CONFIG = '--config bench/robot.yaml';
const SCRIPT = '1s fall on\n';
const PATIENCE_MS = 30_000;

const isUp = (status: Status | undefined) => status?.link.state === 'connected';
const isAllReceived = (status: Status | undefined) =>
  isUp(status) &&
  (status?.channels.every(({ reason, rate_hz: rate }) => reason === null && (rate ?? 0) > 0) ?? false) &&
  (status?.channels.some(({ name, alert }) => name === 'fall' && alert) ?? false);

const STEPS: readonly Step[] = [
  { intro: 'Create a bench: a broker with certificates, and the configuration of a robot.', command: 'elderly-bot bench mosquitto bench' },
  {
    intro: 'Is the robot’s configuration valid? For an invalid one the command prints file, line, and a suggestion.',
    command: 'elderly-bot config check bench/robot.yaml',
  },
  {
    intro: 'Start the broker in its own terminal.',
    command: 'mosquitto -c bench/mosquitto.conf',
    background: { log: 'mosquitto.log', until: () => true },
  },
  { intro: 'Start the agent in another terminal.', command: `elderly-bot run ${CONFIG}`, background: { log: 'agent.log', until: isUp } },
  {
    intro:
      'Simulate a home with sensors in a third terminal. The file `script` has the line `1s fall on`, so that a person falls after a second; without a script, keys raise alerts.',
    command: `elderly-bot simulate ${CONFIG} --script script`,
    background: { log: 'sensors.log', until: isAllReceived },
  },
  {
    intro: 'Show the state of the agent and its problems: there is no problem. `--watch` refreshes it every second.',
    command: `elderly-bot status ${CONFIG}`,
  },
  {
    intro: 'List the topics of this robot, and the channels that use them.',
    command: `elderly-bot topics ${CONFIG}`,
    expects: /simulated_sensors[\s\S]*\/speak .* by \/elderly_bot_agent/,
  },
  { intro: 'Send a command with the cloud’s certificate.', command: `elderly-bot send buzzer true ${CONFIG}` },
  {
    intro: 'Inspect the queue on disk. This bench has no cloud, so no row is confirmed and all rows are kept.',
    command: `elderly-bot outbox stats ${CONFIG}`,
  },
  {
    intro: 'If data is missing, check every part from sensor to cloud. The report lists root causes first.',
    command: `elderly-bot doctor ${CONFIG}`,
  },
];

const HEAD = `# A tour

Ten commands on a bench, as a newcomer types them, and their output. The tour needs Mosquitto and ROS 2 (without ROS: \`simulate --no-ros\`).
It was written with \`ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST\`; without it, \`doctor\` also warns that the network can join the ROS graph.
In a checkout the program is \`bin/elderly-bot\`; \`export PATH="$PWD/bin:$PATH"\` lets you type it as here.
Written by \`npm run tour\`; a test runs it again and compares.
`;

/** @returns the page. */
export async function tour(): Promise<string> {
  const domain = await claimDomain();
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'elderly-bot-tour-')));
  const port = String(await freePort());
  const path = [join(ROOT, 'bin'), dirname(String(findMosquitto())), process.env.PATH].join(':');
  const env = { ...process.env, ...domain.env, PATH: path, NO_COLOR: '1' };
  const running: { end(): Promise<void> }[] = [];
  const asShown = (text: string) => text.replaceAll(folder, '/home/me').replaceAll(port, '8883').trimEnd();
  try {
    writeFileSync(join(folder, 'script'), SCRIPT);
    const parts: string[] = [HEAD];
    for (const { intro, command, background, expects } of STEPS) {
      const typed = command.startsWith('elderly-bot bench') ? `${command} --port ${port}` : command;
      if (background) {
        running.push(start(typed, folder, background.log, env));
        await waitForStatus(join(folder, 'bench/state'), background.until);
        parts.push(`${intro}\n\n\`\`\`console\n$ ${command}\n\`\`\`\n`);
      } else {
        const text = asShown(await outputWith(expects, typed, folder, env));
        parts.push(`${intro}\n\n\`\`\`console\n$ ${command}\n${text}\n\`\`\`\n`);
      }
    }
    return parts.join('\n');
  } finally {
    for (const program of running.toReversed()) await program.end();
    await domain.release();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns the first output of the command that matches `expects`, or the last output before the time limit. */
async function outputWith(expects: RegExp | undefined, command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  for (const untilMs = performance.now() + PATIENCE_MS; ; ) {
    const text = await output(command, cwd, env);
    if (!expects || expects.test(text) || performance.now() > untilMs) return text;
  }
}

/** Replaces the parts that differ between runs: numbers, ids, times, and their padding. */
export function normalised(page: string): string {
  return page
    .replace(/(buzzer|outbox) [\w-]{16}:/g, '$1 ID:')
    .replace(/\d+([.,:]\d+)*/g, '0')
    .replace(/ +/g, ' ');
}

function start(command: string, cwd: string, log: string, env: NodeJS.ProcessEnv): { end(): Promise<void> } {
  const file = openSync(join(cwd, log), 'w');
  const [program = '', ...args] = command.split(' ');
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', file, file] });
  closeSync(file);
  const gone = once(child, 'exit');
  return {
    end: async () => {
      child.kill('SIGTERM');
      await gone;
    },
  };
}

async function output(command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const [program = '', ...args] = command.split(' ');
  const { stdout, stderr } = await promisify(execFile)(program, args, { cwd, env });
  return stdout + stderr;
}

async function waitForStatus(stateDir: string, isReached: (status: Status | undefined) => boolean): Promise<void> {
  await eventually(() => askStatus(stateDir).catch(() => undefined), isReached, 'the tour continues', { patienceMs: PATIENCE_MS });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(join(ROOT, 'docs/guide/tour.md'), await tour());
