// Takes each right of the robot from it at a real Mosquitto, and grants it again while both run. Mosquitto's access control list grants every
// subscription, so the broker has the plugin for dynamic security, which is configured over MQTT.
import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import mqtt, { type MqttClient } from 'mqtt';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { ROBOT_RIGHTS, topicsOf } from '../../src/wire/index.ts';
import { findMosquitto, Mosquitto } from '../support/mosquitto.ts';
import { until } from '../support/until.ts';
import { startUplink } from '../support/uplink.ts';

const [PLUGIN] = globSync('/usr/lib/*/mosquitto_dynamic_security.so');
const skip = findMosquitto() && PLUGIN ? false : 'Mosquitto with its plugin for dynamic security is not installed';

const CONTROL = '$CONTROL/dynamic-security/v1';
const TOPICS = topicsOf('elderly_bot');
const ALERT = { class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } } as const;

/** A right as the plugin names it. */
interface Acl {
  readonly acltype: 'publishClientSend' | 'subscribeLiteral' | 'subscribePattern';
  readonly topic: string;
}

const RIGHTS: readonly Acl[] = [
  ...ROBOT_RIGHTS.publish.map((name) => ({ acltype: 'publishClientSend', topic: TOPICS[name] }) as const),
  ...ROBOT_RIGHTS.subscribe.map((name) => ({ acltype: 'subscribeLiteral', topic: TOPICS[name] }) as const),
];

/** The plugin's file: the robot has its rights, and the cloud's certificate may do and configure everything. */
function configuration(cloud: string): string {
  const role = (rolename: string, acls: readonly Acl[]) => ({ rolename, acls: acls.map((acl) => ({ ...acl, priority: 0, allow: true })) });
  const all: Acl[] = [CONTROL, '#'].flatMap((topic) => [
    { acltype: 'publishClientSend', topic },
    { acltype: 'subscribePattern', topic },
  ]);
  return JSON.stringify({
    defaultACLAccess: { publishClientSend: false, publishClientReceive: true, subscribe: false, unsubscribe: true },
    clients: [
      { username: 'elderly-bot', roles: [{ rolename: 'robot' }] },
      { username: cloud, roles: [{ rolename: 'cloud' }] },
    ],
    roles: [role('robot', RIGHTS), role('cloud', all)],
  });
}

describe('a right that Mosquitto takes from the robot', { skip, timeout: 300_000 }, () => {
  let folder: string;
  let files: BenchFiles;
  let broker: Mosquitto;
  let cloud: MqttClient;
  const received: { readonly topic: string; readonly text: string }[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-mosquitto-rights-'));
    files = await benchCertificates(folder, 'elderly-bot');
    const file = join(folder, 'dynamic-security.json');
    writeFileSync(file, configuration('elderly-bot-cloud'), { mode: 0o600 });
    broker = await Mosquitto.start({ certificates: files, lines: [`plugin ${PLUGIN}`, `plugin_opt_config_file ${file}`] });
    const { cert, key } = files.cloud;
    const certificates = { ca: readFileSync(files.ca), cert: readFileSync(cert), key: readFileSync(key) };
    cloud = await mqtt.connectAsync({ protocol: 'mqtts', host: 'localhost', port: broker.port, ...certificates });
    cloud.on('message', (topic, payload) => received.push({ topic, text: payload.toString() }));
    await cloud.subscribeAsync('elderly_bot/#', { qos: 1 });
  });

  after(async () => {
    await cloud?.endAsync();
    await broker?.stop();
    rmSync(folder, { recursive: true });
  });

  const change = async (command: 'addRoleACL' | 'removeRoleACL', { acltype, topic }: Acl) => {
    const added = command === 'addRoleACL' ? { priority: 0, allow: true } : {};
    const commands = [{ command, rolename: 'robot', acltype, topic, ...added }];
    await cloud.publishAsync(CONTROL, JSON.stringify({ commands }), { qos: 1 });
  };
  const alerts = () => received.filter(({ text }) => text.includes('"kind":"alert"')).length;

  for (const right of RIGHTS) {
    const isPublish = right.acltype === 'publishClientSend';
    const name = right.topic.slice(right.topic.lastIndexOf('/') + 1);
    it(`costs only that right, is named and heals: ${isPublish ? 'publish on' : 'subscribe to'} ${name}`, async () => {
      await change('removeRoleACL', right);
      received.length = 0;
      let commands = 0;
      const options = { connectTimeoutMs: 20_000, ackTimeoutMs: 20_000, onCommand: () => commands++ };
      const bench = startUplink(files, broker.port, options);
      const status = () => bench.uplink.status();
      const refused = () => [...status().refused, ...status().refused_subscriptions];
      try {
        bench.outbox.append({ class: 'telemetry', channel: 'temperature', value: 1 });
        bench.outbox.append({ class: 'result', body: { kind: 'result', id: 'c', status: 'done' } });
        bench.outbox.append({ class: 'event', body: { kind: 'last_words', cause: 'x', queued: 0, oldest_at: null } });
        bench.outbox.append(ALERT);
        bench.outbox.flush();
        await until(() => refused().length > 0, 'the right is known');
        assert.deepEqual(refused(), [right.topic]);
        const text = bench.texts.get(isPublish ? 'publish_refused' : 'subscribe_refused') ?? '';
        assert.match(text, /not authorized \(0x87\)/);
        assert.ok(text.includes(`\`topic ${isPublish ? 'write' : 'read'} ${right.topic}\``), text);
        const others = RIGHTS.filter(({ acltype, topic }) => acltype === 'publishClientSend' && topic !== right.topic);
        await until(() => others.every(({ topic }) => status().acknowledged.includes(topic)), 'all other topics flow');
        if (name !== 'telemetry') assert.equal(alerts(), 1);
        assert.equal(status().connects, 1);

        await change('addRoleACL', right);
        await until(() => refused().length === 0, 'the right is back');
        if (!isPublish) {
          await cloud.publishAsync(right.topic, 'not JSON', { qos: 1 });
          await until(() => commands === 1 || bench.raised.includes('receipt_invalid'), 'a message on the topic arrives');
        }
        await until(() => alerts() === 1 && !bench.outbox.hasFree('alert'), 'the alert has arrived once');
        assert.deepEqual(bench.outbox.counts.evictedBy, { age: 0, space: 0, poison: 0, released: 0 });
      } finally {
        await bench.stop();
      }
    });
  }
});
