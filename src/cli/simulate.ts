// `elderly-bot simulate`: a house for any configuration. With ROS 2 it is a node beside the agent; with --no-ros the agent runs in this
// process, on a ROS in memory, and everything behind it is real: outbox, certificates, broker, cloud.
import { readFileSync } from 'node:fs';
import { emitKeypressEvents } from 'node:readline';
import { codeOf } from '../base/index.ts';
import { loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { type RosNode, SimulatedRos, SimulatedWorld, startRosNode } from '../ros/index.ts';
import { run } from './run.ts';
import { House } from './simulate/house.ts';
import { parseScript, type Scene } from './simulate/script.ts';

export interface SimulateOptions {
  readonly file: string | undefined;
  readonly ros: boolean;
  readonly script: string | undefined;
  readonly json: boolean;
}

const NODE = 'simulated_house';
const RUNS_FOR_EVER = 2 ** 30;

export async function simulate({ file, ros, script, json }: SimulateOptions): Promise<number> {
  const { config } = loadConfig(file, process.env, { leaveOut: true });
  const { namespace, domain_id: domainId } = config.ros;
  const world = new SimulatedWorld();
  const node: RosNode = ros
    ? await startRosNode({ name: NODE, namespace, ...(domainId === null ? {} : { domainId }) })
    : new SimulatedRos({ name: NODE, namespace, world }).start();
  const isForPeople = !json && ros;
  const house = new House(node, config, (line) => {
    process.stdout.write(isForPeople ? `${inWords(line)}\n` : `${JSON.stringify(line)}\n`);
  });
  const ended = new AbortController();
  const end = () => ended.abort();
  const scenes = script === undefined ? [] : parseScript(textOf(script), script, house.channels);
  if (ros) process.once('SIGINT', end).once('SIGTERM', end);
  const timers = scenes.map((scene) => setTimeout(() => play(scene, house, end), scene.atMs));
  const letGo = keys(house, end);
  if (isForPeople) process.stdout.write(help(house.channels));
  house.start();
  try {
    if (ros) await untilAborted(ended.signal);
    else await run(file, { startRos: async (options) => new SimulatedRos({ ...options, world }).start(), until: ended.signal });
  } finally {
    for (const timer of timers) clearTimeout(timer);
    letGo();
    await house.stop();
  }
  return 0;
}

function play({ channel, fault }: Scene, house: House, end: () => void): void {
  if (channel === undefined) end();
  else house.cause(channel, fault);
}

/** At a terminal: a digit has an event begin or end, with Alt it makes the sensor mute. @returns how the terminal is given back. */
function keys(house: House, end: () => void): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => {};
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  const onKey = (_: string, { name = '', ctrl, meta }: { name?: string; ctrl: boolean; meta: boolean }) => {
    const channel = house.channels[Number(name) - 1];
    if (name === 'q' || (ctrl && name === 'c')) end();
    else if (channel !== undefined && meta) house.toggleMute(channel);
    else if (channel !== undefined) house.toggle(channel);
  };
  stdin.on('keypress', onKey);
  return () => {
    stdin.off('keypress', onKey).setRawMode(false);
    stdin.pause();
  };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  const alive = setInterval(() => {}, RUNS_FOR_EVER);
  return new Promise((resolve) => {
    const done = () => {
      clearInterval(alive);
      resolve();
    };
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });
}

function textOf(script: string): string {
  try {
    return readFileSync(script, 'utf8');
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'no such file' : `it can't be read (${codeOf(error)})`;
    throw new AgentError('CONFIG_NOT_FOUND', `script ${script}: ${why}`, { remedy: 'a line of it is such as: 5s fall on', cause: error });
  }
}

function help(channels: readonly string[]): string {
  const listed = channels.map((name, i) => (i < 9 ? `${i + 1} ${name}` : name)).join('  ');
  const how = process.stdin.isTTY ? 'a digit begins or ends an event, with Alt it makes a sensor mute, q ends' : 'Ctrl-C ends';
  return `a house publishes: ${listed}\n${how}\n`;
}

function inWords({ event, channel, fault, topic, message }: Readonly<Record<string, unknown>>): string {
  if (event === 'fault') return `${channel} ${fault}`;
  if (event === 'commanded') return `the agent published ${topic} ${JSON.stringify(message)}`;
  return `${channel} can’t be simulated: its messages are of a kind nobody can make up`;
}
