// `elderly-bot simulate`: simulates the configured sensors as a separate ROS node. With --no-ros, it runs the agent in the same process on
// a simulated ROS; everything else is real, including the outbox, the certificates and the connection.
import { once } from 'node:events';
import { emitKeypressEvents } from 'node:readline';
import { printNow } from '../base/index.ts';
import { loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { type RosNode, SimulatedRos, SimulatedWorld, startRosNode } from '../ros/index.ts';
import { run } from './run.ts';
import { readInput } from './shared.ts';
import { type Fault, SimulatedSensors, sensorOf } from './simulatedSensors.ts';

interface SimulateOptions {
  readonly config: string | undefined;
  readonly ros: boolean;
  readonly script: string | undefined;
  readonly json: boolean;
}

const NODE = 'simulated_sensors';

export async function simulate({ config: file, ros, script, json }: SimulateOptions): Promise<number> {
  const { config } = loadConfig(file, process.env, { leaveOut: true });
  const { namespace, domain_id: domainId } = config.ros;
  const names = Object.entries(config.channels).flatMap(([name, channel]) => (sensorOf(channel) ? [name] : []));
  const steps =
    script === undefined ? [] : parseScript(readInput(script, `script ${script}`, 'each line has the form: 5s fall on'), script, names);
  const world = new SimulatedWorld();
  const node: RosNode = ros
    ? await startRosNode({ name: NODE, namespace, ...(domainId === null ? {} : { domainId }) })
    : new SimulatedRos({ name: NODE, namespace, world }).start();
  const isText = !json && ros;
  const sensors = new SimulatedSensors(node, config, (event) => {
    printNow(isText ? describe(event) : JSON.stringify(event));
  });
  const ended = new AbortController();
  const end = () => ended.abort();
  const timers = steps.map(({ atMs, channel, fault }) =>
    setTimeout(() => (channel === undefined ? end() : sensors.cause(channel, fault)), atMs),
  );
  if (ros) process.once('SIGINT', end).once('SIGTERM', end);
  const restoreTerminal = handleKeys(sensors, end);
  if (isText) printNow(help(sensors.channels));
  sensors.start();
  try {
    if (!ros) await run(file, { startRos: async (options) => new SimulatedRos({ ...options, world }).start(), until: ended.signal });
    else if (!ended.signal.aborted) await once(ended.signal, 'abort');
  } finally {
    for (const timer of timers) clearTimeout(timer);
    restoreTerminal();
    await sensors.stop();
  }
  return 0;
}

/** Reads keys: a digit starts or ends a sensor's event, Alt with a digit mutes the sensor. @returns a function to restore the terminal */
function handleKeys(sensors: SimulatedSensors, end: () => void): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => {};
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  const onKey = (_: string, { name = '', ctrl, meta }: { name?: string; ctrl: boolean; meta: boolean }) => {
    const channel = sensors.channels[Number(name) - 1];
    if (name === 'q' || (ctrl && name === 'c')) end();
    else if (channel !== undefined) sensors.toggle(channel, meta);
  };
  stdin.on('keypress', onKey);
  return () => {
    stdin.off('keypress', onKey).setRawMode(false);
    stdin.pause();
  };
}

function help(channels: readonly string[]): string[] {
  const listed = channels.map((name, i) => (i < 9 ? `${i + 1} ${name}` : name)).join('  ');
  const keys = process.stdin.isTTY ? 'a digit starts or ends an event, Alt and a digit mutes a sensor, q ends' : 'Ctrl-C ends';
  return [`simulated sensors: ${listed}`, keys];
}

function describe({ event, channel, fault, topic, message }: Readonly<Record<string, unknown>>): string {
  if (event === 'fault') return `${channel} ${fault}`;
  if (event === 'commanded') return `the agent published ${topic} ${JSON.stringify(message)}`;
  return `${channel} is not simulated: messages of this kind can’t be generated`;
}

interface ScriptStep {
  readonly atMs: number;
  /** Undefined for a `stop` line, which ends the simulation. */
  readonly channel: string | undefined;
  readonly fault: Fault;
}

const LINE = /^(\d+(?:\.\d+)?)(ms|s|m)\s+(?:(stop)|([a-z][a-z0-9_]*)\s+(on|off|mute|unmute))$/;
const UNITS_MS = { ms: 1, s: 1_000, m: 60_000 } as const;

/**
 * Parses a script of faults. Its lines look like `5s fall on`, `20s gas mute` or `1m stop`.
 * @param channels the channel names that are allowed in the script.
 * @throws AgentError CONFIG_INVALID naming the first faulty line
 */
export function parseScript(text: string, file: string, channels: readonly string[]): ScriptStep[] {
  const steps = text.split('\n').flatMap((raw, i): ScriptStep[] => {
    const line = raw.replace(/#.*$/, '').trim();
    if (line === '') return [];
    const invalid = (expected: string) =>
      new AgentError('CONFIG_INVALID', `${file}:${i + 1}: ${line}: expected ${expected}`, { remedy: 'for example: 5s fall on' });
    const [, amount, unit, stop, channel, fault] = LINE.exec(line) ?? [];
    if (amount === undefined || unit === undefined) throw invalid('TIME CHANNEL on, off, mute or unmute, or TIME stop');
    if (channel !== undefined && !channels.includes(channel)) throw invalid(`one of ${channels.join(', ')}`);
    const atMs = Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS];
    return [{ atMs, channel: stop ? undefined : channel, fault: (fault ?? 'off') as Fault }];
  });
  return steps.sort((a, b) => a.atMs - b.atMs);
}
