// Tests the merged layers of a configuration and the messages for its faults.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type LoadedConfig, loadConfig } from '../../src/config/index.ts';
import { AgentError } from '../../src/errors.ts';

describe('a configuration', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-config-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const load = (yaml: string, env: NodeJS.ProcessEnv = {}): LoadedConfig => {
    const file = join(folder, 'robot.yaml');
    writeFileSync(file, yaml);
    return loadConfig(file, env);
  };
  const refusal = (yaml: string): string => {
    try {
      load(yaml);
    } catch (error) {
      assert.ok(error instanceof AgentError);
      return error.message;
    }
    return assert.fail('the configuration was accepted');
  };

  it('is the default without a file', () => {
    const { config } = loadConfig(undefined, {});
    assert.deepEqual(Object.keys(config.channels), ['gas', 'fire', 'fall', 'stranger', 'battery', 'temperature']);
    assert.deepEqual([config.mqtt.interval, config.mqtt.keepalive, config.outbox.max_size], [60_000, 30_000, 512 * 1024 ** 2]);
    assert.deepEqual(config.commands.buzzer?.message, { data: '$value' });
  });

  it('replaces its own keys, keeps the default keys, and removes an entry with null', () => {
    const { config } = load('channels:\n  gas: { topic: /kitchen/gas }\n  stranger: null\n');
    assert.equal(config.channels.gas?.topic, '/kitchen/gas');
    assert.equal(config.channels.gas?.class, 'alert');
    assert.equal(config.channels.stranger, undefined);
  });

  it('loses an API without encryption and a command with a refused pattern when the agent starts, and nothing else', () => {
    const file = join(folder, 'earlier.yaml');
    const pattern =
      "{ topic: /say, type: std_msgs/String, message: { data: $value }, args: { value: { type: string, pattern: '(?!no).*' } } }";
    writeFileSync(file, `uploads: { api: http://cloud.example.org }\ncommands:\n  say: ${pattern}\n`);
    const { config, off } = loadConfig(file, {}, { leaveOut: true });
    assert.deepEqual([config.uploads.api, config.commands.say, config.channels.fall?.class], [null, undefined, 'alert']);
    assert.deepEqual(
      off.map(({ section, name, text }) => [section, name, /earlier\.yaml:(\d):/.exec(text)?.[1]]),
      [
        ['uploads', 'api', '1'],
        ['commands', 'say', '3'],
      ],
    );
    assert.throws(() => loadConfig(file, {}), { code: 'CONFIG_INVALID' });
  });

  it('reads the default battery by itself, unless it sets the scale, the unit or another source', () => {
    const batteryOf = (entry: string) => {
      const { type, field, scale, unit, min, max } = load(`channels: { battery: { ${entry} } }\n`).config.channels.battery ?? assert.fail();
      return [type?.replace('/msg', ''), field, scale, unit, min, max];
    };
    const auto = ['sensor_msgs/BatteryState', 'percentage', 1, 'auto', 0, 100];
    const asDefined = (...source: unknown[]) => [...source, 100, 'percent', 0, 100];
    for (const entry of ['', 'topic: /dock/battery', 'type: auto', 'type: sensor_msgs/BatteryState', 'field: percentage', 'unit: auto'])
      assert.deepEqual(batteryOf(entry), auto, entry);
    assert.deepEqual(batteryOf('scale: 1'), ['sensor_msgs/BatteryState', 'percentage', 1, 'percent', 0, 100]);
    assert.deepEqual(batteryOf('scale: 100'), asDefined('sensor_msgs/BatteryState', 'percentage'));
    assert.deepEqual(batteryOf('unit: percent'), asDefined('sensor_msgs/BatteryState', 'percentage'));
    assert.deepEqual(batteryOf('type: std_msgs/Float32, field: data'), asDefined('std_msgs/Float32', 'data'));
  });

  it('is overridden by the environment', () => {
    const { config } = load('mqtt: { endpoint: from-the-file }\n', {
      AWS_IOT_ENDPOINT: 'from-the-environment:8884',
      AWS_ROOT_CA: '/ca.pem',
    });
    assert.deepEqual([config.mqtt.endpoint, config.mqtt.root_ca], ['from-the-environment:8884', '/ca.pem']);
  });

  it('resolves relative paths against its own folder', () => {
    assert.equal(load('state_dir: state\n').config.state_dir, join(folder, 'state'));
  });

  it('finds the position of a key', () => {
    const { place } = load('thing: bot\nchannels:\n  gas:\n    type: std_msgs/Bool\n');
    assert.match(place(['channels', 'gas', 'type']), /robot\.yaml:4:5$/);
    assert.match(place(['channels', 'gas', 'topic']), /default\.yaml:\d+:5$/);
  });

  it('accepts the short form of a ROS type', () => {
    assert.equal(load('channels: { gas: { type: std_msgs/Bool } }\n').config.channels.gas?.type, 'std_msgs/msg/Bool');
  });

  const WRONG: readonly [yaml: string, message: RegExp][] = [
    ['mqtt: { windwo: 5 }', /robot\.yaml:1:9: unknown key mqtt\.windwo, did you mean window\?/],
    ['channels: { gas: { toppic: /x } }', /unknown key channels\.gas\.toppic, did you mean topic\?/],
    ['mqtt: { window: 101 }', /mqtt\.window is 101: expected at most 100/],
    ['mqtt: { interval: 60 }', /mqtt\.interval is 60: expected a duration with its unit/],
    ['mqtt: { interval: 2h }', /mqtt\.interval is "2h": expected a duration from 100ms to 1h/],
    ['outbox: { max_size: 1MiB }', /outbox\.max_size is "1MiB": expected at least 8MiB/],
    ['channels: { Gas: { topic: /x, type: a/B } }', /channels\.Gas/],
    ['channels: { readings: { topic: /x, type: a/B } }', /this name is a key of the message itself/],
    ['channels: { gas: { topic: gas detected } }', /channels\.gas\.topic is "gas detected": expected a ROS topic such as \/gas_detected/],
    ['channels: { gas: { type: Bool } }', /expected a ROS message type such as std_msgs\/msg\/Bool/],
    ['channels: { gas: { qos: fast } }', /channels\.gas\.qos is "fast": expected auto, default, sensor_data, latched/],
    ['channels: { gas: { qos: { relability: reliable } } }', /channels\.gas\.qos\.relability, did you mean reliability\?/],
    ['channels: { gas: { qos: { depth: 0 } } }', /channels\.gas\.qos\.depth is 0/],
    ['channels: { gas: { alert_when: often } }', /channels\.gas\.alert_when is "often": expected true, false/],
    ['channels: { gas: { alert_when: { raise: "> 5", clear: "> 3" } } }', /expected a condition that cannot hold together with raise/],
    ['channels: { gas: { field: "ranges[*]" } }', /expected a field path.*min, max, mean/],
    ['channels: { gas: { max_silence: 1ms } }', /expected a duration from 100ms to 30d/],
    ['channels: { gas: { max_silence: 5s }, gas_silent: { topic: /x, type: a/B } }', /gas reports its silence under this name/],
    ['ros: { domain_id: 233 }', /ros\.domain_id is 233/],
    ['topic_prefix: "a/#"', /expected an MQTT topic prefix/],
    ['commands: { buzzer: { ttl: 2h } }', /commands\.buzzer\.ttl is "2h": expected a duration from 1s to 1h/],
    ['log_level: loud', /log_level is "loud": expected one of trace, debug, info, warn, error/],
    ['- a\n- b\n', /expected keys and values/],
    ['a: [', /robot\.yaml:\d+:\d+/],
  ];
  for (const [yaml, message] of WRONG) {
    it(`is refused with its fault: ${yaml.trim().replaceAll('\n', ' ')}`, () => assert.match(refusal(yaml), message));
  }

  it('is accepted or refused with an AgentError if the text is random', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.object().map((tree) => JSON.stringify(tree)),
        ),
        (text) => {
          try {
            load(text);
          } catch (error) {
            assert.ok(error instanceof AgentError, String(error));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
