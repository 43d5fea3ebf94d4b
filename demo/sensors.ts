// Real ROS 2 nodes that publish plausible sensor values and know nothing of the agent, and a buzzer that subscribes. Each published value
// is also written to stdout as a line of JSON: the first ledger.
import { startRosNode } from '../src/ros/index.ts';

const QOS = { reliability: 'reliable', durability: 'volatile', depth: 1_000 } as const;

/** How often the hazard sensors, the battery and the thermometer publish. */
const HAZARDS_EVERY_MS = 400;
const BATTERY_EVERY_MS = 500;
const TEMPERATURE_EVERY_MS = 80;

const HAZARDS = ['gas', 'fire', 'fall', 'stranger'] as const;
type Hazard = (typeof HAZARDS)[number];

function print(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const sensors = await startRosNode({ name: 'demo_sensors' });
const robot = await startRosNode({ name: 'demo_robot' });
const hazards = new Map(HAZARDS.map((name) => [name, sensors.advertise(`/${name}_detected`, 'std_msgs/msg/Bool', QOS)]));
const battery = robot.advertise('/battery_state', 'sensor_msgs/msg/BatteryState', QOS);
const thermometer = robot.advertise('/jetson_temperature', 'sensor_msgs/msg/Temperature', QOS);
robot.subscribe({
  topic: '/buzzer_command',
  type: 'std_msgs/msg/Bool',
  qos: QOS,
  onMessage: ({ data }) => print({ event: 'buzzer', on: data, at: Date.now() }),
});

const state: Record<Hazard, boolean> = { gas: false, fire: false, fall: false, stranger: false };
let charge = 0.93;
let published = 0;

function publishHazard(name: Hazard): void {
  print({ event: 'published', channel: name, value: state[name], at: Date.now() });
  hazards.get(name)?.publish({ data: state[name] });
  published++;
}

function publishBattery(): void {
  charge = Math.max(0.2, charge - 0.0004);
  const percent = Number((Math.fround(charge) * 100).toPrecision(7));
  print({ event: 'published', channel: 'battery', value: percent, at: Date.now() });
  battery.publish({ percentage: Math.fround(charge), voltage: 24 + charge * 2 });
  published++;
}

function publishTemperature(): void {
  const seconds = performance.now() / 1000;
  const degrees = Number((41 + 3 * Math.sin(seconds / 20) + published / 1e5).toFixed(5));
  print({ event: 'published', channel: 'temperature', value: degrees, at: Date.now() });
  thermometer.publish({ temperature: degrees, header: { stamp: { sec: Math.floor(Date.now() / 1000), nanosec: 0 } } });
  published++;
}

/** Resolves when every publisher has a subscriber. A message without a subscriber would never become a reading. */
async function matched(): Promise<void> {
  const all = [...hazards.values(), battery, thermometer];
  while (all.some((publisher) => publisher.subscribers === 0)) await new Promise((resolve) => setTimeout(resolve, 50));
}

let timers: NodeJS.Timeout[] = [];

function start(): void {
  timers = [
    setInterval(() => HAZARDS.forEach(publishHazard), HAZARDS_EVERY_MS),
    setInterval(publishBattery, BATTERY_EVERY_MS),
    setInterval(publishTemperature, TEMPERATURE_EVERY_MS),
  ];
}

/** Reads orders from stdin, one per line: `fall true`, `stop`. */
process.stdin.setEncoding('utf8').on('data', (text: string) => {
  for (const line of text.trim().split('\n')) {
    const [name = '', value] = line.split(' ');
    if (name === 'stop') {
      for (const timer of timers) clearInterval(timer);
      print({ event: 'stopped', published });
    } else if (HAZARDS.includes(name as Hazard)) {
      state[name as Hazard] = value === 'true';
      publishHazard(name as Hazard);
    }
  }
});
process.on('SIGTERM', () => void Promise.all([sensors.stop(), robot.stop()]).finally(() => process.exit(0))).on('SIGINT', () => {});
print({ event: 'waiting' });
await matched();
start();
print({ event: 'ready' });
