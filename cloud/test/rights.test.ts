// Compares a handwritten table of rights with the AWS IoT policies, evaluated by the rules of AWS, and with a real Mosquitto that uses the
// access control list.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import mqtt, { type MqttClient } from 'mqtt';
import { type BenchFiles, benchCertificates, type IssuedFiles } from '../../src/identity/index.ts';
import { findMosquitto, Mosquitto } from '../../test/support/mosquitto.ts';
import { cloudPolicy, mosquittoAcl, type Policy, robotPolicy } from '../src/rights/policies.ts';

const FOLDER = fileURLToPath(new URL('../aws/policies/', import.meta.url));
const NO_MOSQUITTO = findMosquitto() === null && 'skipped: Mosquitto is not installed (apt-get install mosquitto)';
const SUFFIXES = ['telemetry', 'backlog', 'results', 'events', 'presence', 'commands', 'receipts'] as const;
const UP = ['telemetry', 'backlog', 'results', 'events', 'presence'];
const DOWN = ['commands', 'receipts'];
const WHO = ['elderly-bot', 'elderly-bot-cloud', 'other-bot', 'stranger'] as const;
type Who = (typeof WHO)[number];

const PREFIXES = ['elderly_bot', 'fleet/elderly-bot', 'fleet/other-bot', 'fleet', 'fleet/a/b', 'else'];
const TOPICS = [
  ...PREFIXES.flatMap((prefix) => SUFFIXES.map((suffix) => `${prefix}/${suffix}`)),
  'elderly_bot',
  'elderly_bot/telemetry/more',
  'x',
];

/** One robot on its own prefix. Other clients have no rights. */
const ONE: Readonly<Record<Who, { publish: string[]; hear: string[] }>> = {
  'elderly-bot': { publish: UP.map((suffix) => `elderly_bot/${suffix}`), hear: DOWN.map((suffix) => `elderly_bot/${suffix}`) },
  'elderly-bot-cloud': { publish: DOWN.map((suffix) => `elderly_bot/${suffix}`), hear: UP.map((suffix) => `elderly_bot/${suffix}`) },
  'other-bot': { publish: [], hear: [] },
  stranger: { publish: [], hear: [] },
};

describe('AWS IoT policies', () => {
  const where = { region: 'eu-central-1', account: '123456789012' };
  const one = { robot: robotPolicy({ ...where, prefix: 'elderly_bot' }), cloud: cloudPolicy({ ...where, prefix: 'elderly_bot' }) };
  const fleet = { robot: robotPolicy({ ...where, prefix: 'fleet/+' }), cloud: cloudPolicy({ ...where, prefix: 'fleet/+' }) };
  const may = (policy: Policy, action: string, kind: string, name: string, thing = ''): boolean =>
    allows(policy, action, `arn:aws:iot:eu-central-1:123456789012:${kind}/${name}`, thing);
  const all = (policy: Policy, action: string, kind: string, thing: string, share = ''): string[] =>
    TOPICS.filter((topic) => may(policy, action, kind, `${share}${topic}`, thing));

  test('for one robot grant exactly the rights of the table', () => {
    const { publish, hear } = ONE['elderly-bot'];
    assert.deepEqual(all(one.robot, 'iot:Publish', 'topic', 'elderly-bot'), publish);
    assert.deepEqual(all(one.robot, 'iot:Subscribe', 'topicfilter', 'elderly-bot'), hear);
    assert.deepEqual(all(one.robot, 'iot:Receive', 'topic', 'elderly-bot'), hear);
    assert.deepEqual(all(one.robot, 'iot:Subscribe', 'topicfilter', 'elderly-bot', '$share/ingest/'), []);
    const cloud = ONE['elderly-bot-cloud'];
    assert.deepEqual(all(one.cloud, 'iot:Publish', 'topic', ''), cloud.publish);
    assert.deepEqual(all(one.cloud, 'iot:Receive', 'topic', ''), cloud.hear);
    assert.deepEqual(all(one.cloud, 'iot:Subscribe', 'topicfilter', '', '$share/ingest/'), cloud.hear);
    assert.deepEqual(all(one.cloud, 'iot:Subscribe', 'topicfilter', '', '$share/other/'), []);
    assert.deepEqual(all(one.cloud, 'iot:Subscribe', 'topicfilter', ''), []);
  });

  test('for a fleet grant a robot its own topics, and the cloud the topics of every robot', () => {
    const own = (suffixes: string[]): string[] => suffixes.map((suffix) => `fleet/elderly-bot/${suffix}`);
    assert.deepEqual(all(fleet.robot, 'iot:Publish', 'topic', 'elderly-bot'), own(UP));
    assert.deepEqual(all(fleet.robot, 'iot:Subscribe', 'topicfilter', 'elderly-bot'), own(DOWN));
    assert.deepEqual(all(fleet.robot, 'iot:Receive', 'topic', 'elderly-bot'), own(DOWN));
    for (const suffix of UP) {
      assert.ok(may(fleet.cloud, 'iot:Subscribe', 'topicfilter', `$share/ingest/fleet/+/${suffix}`));
      assert.ok(may(fleet.cloud, 'iot:Receive', 'topic', `fleet/other-bot/${suffix}`));
      assert.ok(!may(fleet.cloud, 'iot:Publish', 'topic', `fleet/other-bot/${suffix}`));
    }
    for (const filter of ['#', 'fleet/#', '+/+', '$share/ingest/#', '$share/ingest/fleet/+/commands']) {
      assert.ok(!may(fleet.cloud, 'iot:Subscribe', 'topicfilter', filter), filter);
      assert.ok(!may(fleet.robot, 'iot:Subscribe', 'topicfilter', filter, 'elderly-bot'), filter);
    }
  });

  test('let a robot connect only as the thing of its certificate, and the cloud only under its own names', () => {
    for (const policy of [one.robot, fleet.robot]) {
      assert.ok(may(policy, 'iot:Connect', 'client', 'elderly-bot', 'elderly-bot'));
      assert.ok(!may(policy, 'iot:Connect', 'client', 'other-bot', 'elderly-bot'));
      assert.ok(!may(policy, 'iot:Connect', 'client', 'elderly-bot', ''));
      assert.ok(!may(policy, 'iot:Connect', 'client', 'elderly-bot-cloud-1', 'elderly-bot'));
    }
    assert.ok(may(one.cloud, 'iot:Connect', 'client', 'elderly-bot-cloud-0a1b2c'));
    assert.ok(!may(one.cloud, 'iot:Connect', 'client', 'elderly-bot'));
  });

  test('allow nothing else, such as retained messages, shadows or jobs, and fit the size limit of AWS', () => {
    for (const policy of [one.robot, one.cloud, fleet.robot, fleet.cloud]) {
      const actions = policy.Statement.map(({ Action }) => Action);
      assert.deepEqual(actions, ['iot:Connect', 'iot:Publish', 'iot:Subscribe', 'iot:Receive']);
      assert.ok(JSON.stringify(policy).length <= 2_048);
    }
  });

  test('equal the generated files, like the access control lists', () => {
    const placeholders = { region: 'REGION', account: 'ACCOUNT' };
    for (const [name, prefix] of [
      ['', 'elderly_bot'],
      ['fleet-', 'fleet/+'],
    ] as const) {
      const read = (file: string): string => readFileSync(join(FOLDER, `${name}${file}`), 'utf8');
      assert.deepEqual(JSON.parse(read('robot.json')), robotPolicy({ ...placeholders, prefix }));
      assert.deepEqual(JSON.parse(read('cloud.json')), cloudPolicy({ ...placeholders, prefix }));
      assert.equal(read('mosquitto.acl'), mosquittoAcl({ prefix, thing: 'elderly-bot' }));
    }
  });
});

describe('Mosquitto under the access control list', { skip: NO_MOSQUITTO }, () => {
  let folder = '';
  let files: BenchFiles;
  const issued = new Map<Who | 'everything', IssuedFiles>();

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-rights-'));
    files = await benchCertificates(folder, 'elderly-bot');
    for (const name of [...WHO, 'everything'] as const) issued.set(name, await files.authority.issue(folder, name, { name }));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const connect = (port: number, who: Who | 'everything', will?: string): Promise<MqttClient> => {
    const own = issued.get(who);
    return mqtt.connectAsync({
      protocol: 'mqtts',
      host: 'localhost',
      port,
      protocolVersion: 5,
      reconnectPeriod: 0,
      ca: readFileSync(files.ca),
      cert: readFileSync(own?.cert ?? ''),
      key: readFileSync(own?.key ?? ''),
      ...(will === undefined ? {} : { will: { topic: will, payload: Buffer.from('gone'), qos: 1 as const, retain: false } }),
    });
  };

  /** The topics that each client may publish and receive, tested one by one on a real broker. */
  const asked = async (t: TestContext, acl: string): Promise<Record<string, { publish: string[]; hear: string[] }>> => {
    const broker = await Mosquitto.start({ certificates: files, acl: `${acl}\nuser everything\ntopic readwrite #` });
    t.after(() => broker.stop());
    const everything = await connect(broker.port, 'everything');
    t.after(() => everything.endAsync(true));
    const found: Record<string, { publish: string[]; hear: string[] }> = {};
    for (const who of WHO) {
      const client = await connect(broker.port, who);
      const publish: string[] = [];
      const hear: string[] = [];
      client.on('message', (topic) => hear.push(topic));
      await client.subscribeAsync(TOPICS, { qos: 1, nl: true });
      for (const topic of TOPICS) {
        if (await accepted(client, topic)) publish.push(topic);
      }
      for (const topic of TOPICS) await everything.publishAsync(topic, 'x', { qos: 1 });
      // The broker keeps the order, so all earlier messages have arrived when it answers.
      await client.subscribeAsync('barrier', { qos: 1 });
      found[who] = { publish, hear };
      await client.endAsync();
    }
    return found;
  };

  test('grants one robot exactly the rights of the table, and a stranger none', async (t) => {
    assert.deepEqual(await asked(t, mosquittoAcl({ prefix: 'elderly_bot', thing: 'elderly-bot' })), ONE);
  });

  test('grants each robot of a fleet its own topics, and the cloud all of them', async (t) => {
    const of = (suffixes: string[], ...names: string[]): string[] =>
      names.flatMap((name) => suffixes.map((suffix) => `fleet/${name}/${suffix}`));
    const both = ['elderly-bot', 'other-bot'];
    assert.deepEqual(await asked(t, mosquittoAcl({ prefix: 'fleet/+', thing: 'unused' })), {
      'elderly-bot': { publish: of(UP, 'elderly-bot'), hear: of(DOWN, 'elderly-bot') },
      'elderly-bot-cloud': { publish: of(DOWN, ...both), hear: of(UP, ...both) },
      'other-bot': { publish: of(UP, 'other-bot'), hear: of(DOWN, 'other-bot') },
      stranger: { publish: [], hear: [] },
    });
  });

  test('publishes a last will only with the right: the robot’s presence, but no receipt and no will of a stranger', async (t) => {
    const acl = mosquittoAcl({ prefix: 'elderly_bot', thing: 'elderly-bot' });
    const broker = await Mosquitto.start({ certificates: files, acl: `${acl}\nuser everything\ntopic readwrite #` });
    t.after(() => broker.stop());
    const everything = await connect(broker.port, 'everything');
    t.after(() => everything.endAsync(true));
    const heard: string[] = [];
    const presence = new Promise<void>((resolve) => {
      everything.on('message', (topic) => {
        heard.push(topic);
        if (topic === 'elderly_bot/presence') resolve();
      });
    });
    await everything.subscribeAsync('#', { qos: 1 });
    for (const [who, topic] of [
      ['elderly-bot', 'elderly_bot/receipts'],
      ['stranger', 'elderly_bot/presence/2'],
      ['stranger', 'elderly_bot/receipts'],
      ['elderly-bot', 'elderly_bot/presence'],
    ] as const) {
      const client = await connect(broker.port, who, topic);
      const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
      client.stream.destroy();
      await closed;
      // When the broker answers a later client, it has already processed this disconnection.
      await (await connect(broker.port, 'everything')).endAsync();
    }
    await presence;
    assert.deepEqual(heard, ['elderly_bot/presence']);
  });
});

async function accepted(client: MqttClient, topic: string): Promise<boolean> {
  try {
    await client.publishAsync(topic, 'x', { qos: 1 });
    return true;
  } catch (error) {
    assert.match(String(error), /Not authorized/);
    return false;
  }
}

/** The rules of AWS IoT: `*` and `?` are wildcards, a variable without a value matches nothing, and the default is to deny. */
function allows({ Statement }: Policy, action: string, resource: string, thing: string): boolean {
  return Statement.some(({ Action, Resource, Condition }) => {
    if (Action !== action || (Condition !== undefined && thing === '')) return false;
    return Resource.some((pattern) => {
      const named = pattern.replaceAll(`\${iot:Connection.Thing.ThingName}`, thing);
      if (thing === '' && named !== pattern) return false;
      const expression = named
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.');
      return new RegExp(`^${expression}$`).test(resource);
    });
  });
}
