// Tests the configurations that `config init` proposes for the graphs of real robots, and the choice between topics.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadConfig } from '../../src/config/index.ts';
import { checkConfig, installedHere } from '../../src/configCheck/index.ts';
import { type FoundTopic, namespacesOf, propose, render, stateDirFor } from '../../src/configInit/index.ts';
import { KOBUKI, NAMESPACED, ORIGINAL, PEPPER, TURTLEBOT3, TURTLEBOT4 } from './graphs.ts';

const BOOL = 'std_msgs/msg/Bool';
const FLOAT = 'std_msgs/msg/Float32';
const DEFAULTS = loadConfig(undefined, {}).config;

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'elderly-bot-init-'));
});
after(() => rmSync(folder, { recursive: true }));

interface Over {
  readonly thing?: string;
  readonly endpoint?: string;
  readonly api?: string;
  readonly namespace?: string;
}

/** Writes the proposed file and loads it. */
function proposed(found: readonly FoundTopic[], { thing = 'kitchen-bot', endpoint = 'broker.example', api, namespace }: Over = {}) {
  const chosen = namespace ?? namespacesOf(found)[0];
  const proposal = propose({ found, namespace: chosen, defaults: DEFAULTS });
  const text = render(proposal, {
    thing,
    endpoint,
    api,
    schema: 'config.schema.json',
    domainId: 7,
    stateDir: folder,
    namespace: chosen,
    defaults: DEFAULTS,
  });
  const file = join(folder, `${Math.random()}.yaml`);
  writeFileSync(file, text);
  const loaded = loadConfig(file, {});
  const { findings } = checkConfig({ ...loaded, definitions: installedHere(), exists: () => true });
  assert.deepEqual(findings, []);
  return { ...proposal, text, config: loaded.config };
}

const published = (topic: string, type = BOOL): FoundTopic => ({ topic, types: [type], nodes: ['/driver'] });
const namesOf = ({ channels }: ReturnType<typeof proposed>) => channels.map(({ name }) => name);
const topicsOf = ({ config }: ReturnType<typeof proposed>) =>
  Object.fromEntries(Object.entries(config.channels).map(([name, { topic }]) => [name, topic]));

describe('the proposal for a robot', () => {
  it('warns of fall, fire, stranger and gas on the original robot, and says that it has no battery', () => {
    const robot = proposed(ORIGINAL, { api: 'https://cloud.example' });
    assert.deepEqual(topicsOf(robot), {
      gas: '/gas_ppm',
      fire: '/fire_detected',
      fall: '/fall_detected',
      stranger: '/stranger_detected',
      temperature: '/jetson_temperature',
      gas_ppm: '/gas_ppm',
      diagnostics: '/diagnostics',
    });
    const { gas, gas_ppm: ppm, temperature, diagnostics, fall } = robot.config.channels;
    assert.deepEqual([gas?.class, gas?.alert_when?.raise.value, gas?.unit, gas?.report.as], ['alert', 300, 'ppm', 'alert']);
    assert.deepEqual([ppm?.class, ppm?.unit, fall?.class], ['telemetry', 'ppm', 'alert']);
    assert.deepEqual([temperature?.field, temperature?.type], ['data', FLOAT]);
    assert.deepEqual([diagnostics?.diagnostics, diagnostics?.class], [{ name: '*' }, 'telemetry']);
    assert.match(robot.text, /^ {2}battery: null {2}# NO SENSOR FOUND: nobody will be warned of an empty battery$/m);
    assert.match(robot.text, /alert_when: \{ raise: "> 300", clear: "< 250" \} {2}# check this limit$/m);
    assert.deepEqual(
      Object.entries(robot.config.cameras).map(([name, { topic }]) => [name, topic]),
      [['camera', '/camera/image_raw/compressed']],
    );
    assert.match(robot.text, /The same camera: \/camera\/image_raw$/m);
  });

  it('finds battery and camera of a TurtleBot 3, and says what nobody will be warned of', () => {
    const robot = proposed(TURTLEBOT3, { api: 'https://cloud.example' });
    assert.deepEqual(namesOf(robot), ['battery', 'scan']);
    assert.deepEqual([...robot.missing.keys()], ['gas', 'fire', 'fall', 'stranger', 'temperature']);
    assert.match(robot.text, /^ {2}gas: null {2}# NO SENSOR FOUND: nobody will be warned of gas$/m);
    assert.deepEqual(Object.keys(robot.config.cameras), ['camera']);
    assert.doesNotMatch(robot.text, /compressedDepth|robot_description|\/tf\b/);
    assert.match(robot.text, /^# {3}\/sensor_state, turtlebot3_msgs\/msg\/SensorState, by \/turtlebot3_node$/m);
  });

  it('leaves out hidden topics of a TurtleBot 4, and reads the aggregated diagnostics', () => {
    const robot = proposed(TURTLEBOT4, { api: 'https://cloud.example' });
    assert.deepEqual(namesOf(robot), ['battery', 'diagnostics', 'ip', 'scan']);
    assert.equal(robot.config.channels.diagnostics?.topic, '/diagnostics_agg');
    assert.doesNotMatch(robot.text, /_action|_do_not_use|cmd_vel/);
    assert.deepEqual(
      Object.entries(robot.config.cameras).map(([name, { topic }]) => [name, topic]),
      [
        ['oakd', '/oakd/rgb/preview/image_raw'],
        ['stereo', '/oakd/stereo/image_raw'],
      ],
    );
  });

  it('finds the battery of a Kobuki', () => {
    const robot = proposed(KOBUKI);
    assert.deepEqual(topicsOf(robot), {
      battery: '/sensors/battery_state',
      diagnostics: '/diagnostics',
      raw_data_command: '/debug/raw_data_command',
    });
    assert.equal(robot.config.channels.battery?.field, 'percentage');
  });

  it('takes one topic of each camera of a Pepper, and no depth; its own fall is not that of a person', () => {
    const robot = proposed(PEPPER, { api: 'https://cloud.example' });
    assert.deepEqual(
      Object.entries(robot.config.cameras).map(([name, { topic }]) => [name, topic]),
      ['front', 'bottom', 'stereo'].map((name) => [name, `/camera/${name}/image_raw/compressed`]),
    );
    assert.ok(robot.missing.has('fall'));
    assert.deepEqual(namesOf(robot), ['diagnostics', 'sonar_left', 'sonar_right', 'robot_has_fallen']);
  });

  it('uses the namespace of a robot, also for the default commands', () => {
    const { config, text } = proposed(NAMESPACED, { api: 'https://cloud.example' });
    assert.equal(config.ros.namespace, '/robot1');
    assert.deepEqual([config.channels.fall?.topic, config.channels.battery?.topic], ['/robot1/fall_detected', '/robot1/battery_state']);
    assert.deepEqual([config.commands.stop?.topic, config.commands.buzzer?.topic], ['/robot1/cmd_vel', '/robot1/buzzer_command']);
    assert.deepEqual(
      config.commands.stop?.also.map(({ topic }) => topic),
      ['/robot1/motion_cancel'],
    );
    assert.equal(config.channels.diagnostics?.topic, '/diagnostics');
    assert.doesNotMatch(text, /\/robot1\/tf/);
  });

  it('names the robots if there are several, and takes only the topics of the chosen one', () => {
    const second = NAMESPACED.map(({ topic, ...rest }) => ({ topic: topic.replace('/robot1', '/robot2'), ...rest }));
    const both = [...NAMESPACED, ...second];
    assert.deepEqual(namespacesOf(both), ['/robot1', '/robot2']);
    const { config, text } = proposed(both, { namespace: '/robot2' });
    assert.equal(config.channels.fall?.topic, '/robot2/fall_detected');
    assert.doesNotMatch(text.replace(/by \S+/g, ''), /robot1/);
  });

  it('has no namespace if all topics are below a device', () => {
    assert.deepEqual(namespacesOf([published('/camera/scan'), published('/camera/fall_detected')]), []);
    assert.deepEqual(namespacesOf([published('/left/image_raw'), published('/right/image_raw')]), []);
    assert.deepEqual(namespacesOf(ORIGINAL), []);
  });

  it('is valid for a robot with nothing', () => {
    const { config, missing } = proposed([published('/odom', 'nav_msgs/msg/Odometry')]);
    assert.deepEqual(config.channels, {});
    assert.equal(missing.size, 6);
  });
});

describe('the role of a topic', () => {
  const roleOf = (topic: string, type = BOOL) => proposed([published(topic, type)]).channels[0]?.name;

  it('follows from its words', () => {
    const ROLES: readonly (readonly [topic: string, role: string])[] = [
      ['/kitchen/gasDetected', 'gas'],
      ['/gasdetected', 'gas'],
      ['/lpg_alarm', 'gas'],
      ['/mq2/leak', 'gas'],
      ['/smoke', 'fire'],
      ['/flame_sensor', 'fire'],
      ['/vision/person_fallen', 'fall'],
      ['/falldetection', 'fall'],
      ['/intruder', 'stranger'],
      ['/vision/unknown_face', 'stranger'],
      ['/person_detected', 'stranger'],
    ];
    for (const [topic, role] of ROLES) assert.equal(roleOf(topic), role, topic);
  });

  it('does not follow from words that only contain such a word, and for devices beside the detector', () => {
    const NONE = [
      '/fallback',
      '/waterfall',
      '/firefox',
      '/gas_valve',
      '/fall_detector/enabled',
      '/person_following',
      '/gasoline',
      '/fire_alarm/reset',
    ];
    for (const topic of NONE) assert.ok(!['gas', 'fire', 'fall', 'stranger'].includes(String(roleOf(topic))), topic);
  });

  it('is the temperature or the charge for numbers with such a name, but not for a voltage', () => {
    assert.equal(roleOf('/cpu/temp', FLOAT), 'temperature');
    assert.equal(roleOf('/battery_percentage', FLOAT), 'battery');
    assert.equal(roleOf('/battery_level', 'std_msgs/msg/UInt8'), 'battery');
    assert.equal(roleOf('/battery_voltage', FLOAT), 'battery_voltage');
    assert.equal(roleOf('/gas_sensor/temperature', FLOAT), 'temperature');
    assert.equal(roleOf('/target_temperature', FLOAT), 'target_temperature');
  });

  it('makes an alert of a number or a text, with a limit to check, and reports true and false for a number', () => {
    const { gas } = proposed([published('/gas_level', FLOAT)]).config.channels;
    assert.deepEqual([gas?.unit, gas?.alert_when?.raise.value, gas?.report.as], [undefined, 300, 'alert']);
    const { fall } = proposed([published('/fall_probability', FLOAT)]).config.channels;
    assert.deepEqual([fall?.alert_when?.raise.value, fall?.report.as], [0.5, 'alert']);
    const { fire } = proposed([published('/fire', 'std_msgs/msg/Int32')]).config.channels;
    assert.deepEqual([fire?.alert_when?.raise.value, fire?.report.as], [0, 'alert']);
    const { stranger } = proposed([published('/stranger', 'std_msgs/msg/String')]).config.channels;
    assert.deepEqual([stranger?.alert_when?.raise, stranger?.report.as], [{ comparison: '!=', value: 'None' }, 'value']);
    const { gas: byte } = proposed([published('/gas', 'std_msgs/msg/UInt8')]).config.channels;
    assert.deepEqual(byte?.alert_when?.raise, { comparison: '>', value: 0 }, 'no UInt8 is above 300');
  });

  it('makes an event of a detector that reports no end', () => {
    const { fall, wave, scream } = proposed([
      published('/fall', 'std_msgs/msg/Empty'),
      published('/wave', 'std_msgs/msg/Empty'),
      published('/scream', 'std_msgs/msg/Empty'),
    ]).config.channels;
    assert.deepEqual([fall?.class, fall?.event, fall?.clear_after], ['alert', true, 30_000]);
    assert.deepEqual([scream?.class, scream?.event, wave], ['alert', true, undefined]);
    const { fire } = proposed([published('/fire_event')]).config.channels;
    assert.deepEqual([fire?.class, fire?.event], ['alert', true]);
    const { stranger } = proposed([published('/stranger_event'), published('/intruder')]).config.channels;
    assert.deepEqual([stranger?.topic, stranger?.event], ['/intruder', false], 'a state says more than an event');
  });

  it('goes to the best of several topics; the others become channels of their own, and a comment names them', () => {
    const robot = proposed([
      published('/bedroom/fall', BOOL),
      published('/fall_detected', BOOL),
      published('/fall_text', 'std_msgs/msg/String'),
      published('/fire_detected', BOOL),
      published('/smoke', BOOL),
      published('/room/temperature', 'sensor_msgs/msg/Temperature'),
      published('/jetson_temperature', 'sensor_msgs/msg/Temperature'),
      published('/base/battery', 'sensor_msgs/msg/BatteryState'),
      published('/battery_state', 'sensor_msgs/msg/BatteryState'),
    ]);
    const { fall, fire, temperature, battery, bedroom_fall, smoke } = robot.config.channels;
    assert.deepEqual(
      [fall?.topic, fire?.topic, temperature?.topic, battery?.topic],
      ['/fall_detected', '/fire_detected', '/jetson_temperature', '/battery_state'],
    );
    assert.deepEqual([bedroom_fall?.class, smoke?.class], ['alert', 'alert']);
    assert.match(
      robot.text,
      /^ {2}# Another candidate: \/bedroom\/fall, std_msgs\/msg\/Bool, by \/driver\. It is the channel bedroom_fall\.$/m,
    );
  });

  it('is missing for a type that has no such value, and a comment names the topic', () => {
    const { text } = proposed([published('/gas', 'olfaction_msgs/msg/GasSensor')]);
    assert.match(text, /^ {2}# Perhaps \/gas, olfaction_msgs\/msg\/GasSensor, by \/driver: .*\n {2}gas: null {2}# NO SENSOR FOUND/m);
  });
});

describe('a proposed file', () => {
  it('has a channel for each known type, and a Bool is an alert only if its name says so', () => {
    const types = ['BatteryState', 'Temperature', 'RelativeHumidity', 'Illuminance', 'FluidPressure', 'Range', 'LaserScan'];
    const robot = proposed([
      ...types.map((type, i) => published(`/room/sensor${i}`, `sensor_msgs/msg/${type}`)),
      published('/room/count', 'std_msgs/msg/Int32'),
      published('/mood', 'std_msgs/msg/String'),
      published('/bath/waterLeak'),
      published('/docked'),
    ]);
    assert.equal(robot.others.length, 0);
    const { water_leak: leak, docked } = robot.config.channels;
    assert.deepEqual([leak?.class, docked?.class], ['alert', 'telemetry']);
  });

  it('has a free, valid name for each channel', () => {
    const long = `/a/${'very_'.repeat(12)}long_alarm`;
    const names = namesOf(
      proposed([
        published('/a/door_alarm'),
        published('/b/door_alarm'),
        published('/b_door_alarm'),
        published('/gas_detected'),
        published('/gas_unusable_alarm/gas_unusable'),
        published('/alert/readings', FLOAT),
        published('/battery', FLOAT),
        published(long),
        published(`${long}/x`),
        published('/_x/hidden'),
      ]),
    );
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.includes('door_alarm') && names.includes('b_door_alarm') && names.includes('b_door_alarm_2'), names.join());
    assert.ok(!names.some((name) => name.includes('hidden')));
  });

  it('quotes a thing name and an endpoint that YAML would read as another type', () => {
    for (const [thing, endpoint] of [
      ['7', '[::1]:8883'],
      ['true', '10'],
      ['kitchen:', '1.5'],
    ] as const) {
      const { config } = proposed([published('/fall')], { thing, endpoint });
      assert.deepEqual([config.thing, config.mqtt.endpoint, config.topic_prefix], [thing, endpoint, `fleet/${thing}`]);
    }
  });

  it('has the cameras as comments until it has the cloud API', () => {
    const { text, config } = proposed(ORIGINAL);
    assert.deepEqual(config.cameras, {});
    const file = join(folder, 'cameras.yaml');
    writeFileSync(file, text.replace(/^# (?=(uploads:| {2}api:|cameras:| {2,}\S))/gm, ''));
    assert.deepEqual(Object.keys(loadConfig(file, {}).config.cameras), ['camera']);
  });

  it('lists a topic with two types, and more numbers than anybody reads, as comments, but never an alert', () => {
    const many = Array.from({ length: 400 }, (_, i) => published(`/joint${i}/effort`, FLOAT));
    const alarms = Array.from({ length: 60 }, (_, i) => published(`/zone${i}/alarm`));
    const robot = proposed([...many, ...alarms, { topic: '/odd', types: [BOOL, FLOAT], nodes: ['/a', '/b'] }]);
    const alerts = Object.values(robot.config.channels).filter((channel) => channel.class === 'alert');
    assert.equal(alerts.length, 60);
    assert.equal(Object.keys(robot.config.channels).length - alerts.length, 40);
    assert.match(robot.text, /^# {3}\/odd, std_msgs\/msg\/Bool or std_msgs\/msg\/Float32, by \/a, \/b$/m);
  });
});

describe('the state directory', () => {
  const chosen = (writable: string, env = {}) =>
    stateDirFor({
      usual: '/var/lib/elderly-bot',
      home: '/home/ada',
      beside: '/etc/bot',
      env,
      isWritable: (path) => path.startsWith(writable),
    });

  it('is one that the user may write: the default, that of the user, or one beside the file', () => {
    assert.equal(chosen('/'), '/var/lib/elderly-bot');
    assert.equal(chosen('/home'), '/home/ada/.local/state/elderly-bot');
    assert.equal(chosen('/data', { XDG_STATE_HOME: '/data/state' }), '/data/state/elderly-bot');
    assert.equal(chosen('/home', { XDG_STATE_HOME: 'relative' }), '/home/ada/.local/state/elderly-bot');
    assert.equal(chosen('/etc'), '/etc/bot/elderly-bot-state');
  });
});
