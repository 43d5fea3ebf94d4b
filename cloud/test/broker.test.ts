import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { findMosquitto, Mosquitto } from '../../test/support/mosquitto.ts';
import { BrokerLink } from '../src/broker/link.ts';
import type { Incoming } from '../src/messages/message.ts';
import { type Credentials, readCredentials } from '../src/settings/settings.ts';
import type { Endpoint } from '../src/settings/values.ts';
import { PlainBroker } from './support/aedes.ts';
import { RobotClient } from './support/robotClient.ts';

const SUBSCRIBED_MS = 10_000;
const NO_MOSQUITTO = findMosquitto() === null && 'skipped: Mosquitto is not installed (apt-get install mosquitto)';

test('the link falls back to MQTT 3.1.1 and sends each PUBACK only after the message is done', async () => {
  const broker = await PlainBroker.start();
  let acknowledged = 0;
  let wake = (): void => {};
  broker.aedes.on('ack', (_packet, client) => {
    if (client.id.startsWith('cloud')) acknowledged++;
    wake();
  });
  const taker = await Taker.start({ host: '127.0.0.1', port: broker.port, tls: false }, null);
  const robot = await RobotClient.connect('elderly_bot', { host: '127.0.0.1', port: broker.port });
  for (const n of [1, 2, 3]) await robot.publish('elderly_bot/telemetry', n);
  await taker.has(3);
  assert.equal(acknowledged, 0);
  for (const [i, { done }] of taker.taken.entries()) {
    const received = new Promise<void>((resolve) => {
      wake = resolve;
    });
    done();
    await received;
    assert.equal(acknowledged, i + 1);
  }
  await Promise.all([taker.stop(), robot.end()]);
  await broker.stop();
});

describe('with Mosquitto and mutual TLS', { skip: NO_MOSQUITTO }, () => {
  let folder = '';
  let files: BenchFiles;
  let credentials: Credentials;
  let broker: Mosquitto;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-broker-'));
    files = await benchCertificates(folder, 'elderly-bot');
    credentials = readCredentials({ AWS_ROOT_CA: files.ca, AWS_CERT_FILE: files.cloud.cert, AWS_PRIVATE_KEY: files.cloud.key });
    broker = await Mosquitto.start({ certificates: files });
  });
  after(async () => {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const endpoint = (): Endpoint => ({ host: 'localhost', port: broker.port, tls: true });
  const robot = (): Promise<RobotClient> =>
    RobotClient.connect('elderly_bot', {
      protocol: 'mqtts',
      host: 'localhost',
      port: broker.port,
      ca: readFileSync(files.ca),
      cert: readFileSync(files.robot.cert),
      key: readFileSync(files.robot.key),
    });

  test('two instances share the subscription, and each message reaches only one instance', async () => {
    const takers = [await Taker.start(endpoint(), credentials), await Taker.start(endpoint(), credentials)];
    const client = await robot();
    for (let n = 0; n < 20; n++) await client.publish('elderly_bot/telemetry', n);
    await Promise.all(takers.map((taker) => taker.has(10)));
    const numbers = takers.flatMap((taker) => taker.taken.map(({ payload }) => Number(payload.toString())));
    assert.deepEqual(
      numbers.sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, n) => n),
    );
    await Promise.all([...takers.map((taker) => taker.stop()), client.end()]);
  });

  test('the broker holds back messages beyond the receive maximum', async () => {
    const taker = await Taker.start(endpoint(), credentials);
    const client = await robot();
    await Promise.all(Array.from({ length: 600 }, (_, n) => client.publish('elderly_bot/backlog', n)));
    await taker.has(500);
    await client.publish('elderly_bot/backlog', 600);
    assert.equal(taker.taken.length, 500);
    for (const { done } of taker.taken) done();
    await taker.has(601);
    await Promise.all([taker.stop(), client.end()]);
  });

  test('the link reconnects after a crash of the broker and sends no PUBACK of the old session', async () => {
    const taker = await Taker.start(endpoint(), credentials);
    const before = await robot();
    await before.publish('elderly_bot/events', 1);
    await taker.has(1);
    await broker.kill();
    await broker.restart();
    await taker.logged('broker_subscribed', 2);
    for (const { done } of taker.taken) done();
    const again = await robot();
    await again.publish('elderly_bot/events', 2);
    await taker.has(2);
    assert.deepEqual(
      taker.taken.map(({ payload }) => payload.toString()),
      ['1', '2'],
    );
    await Promise.all([taker.stop(), before.end(), again.end()]);
  });

  test('the link refuses a certificate of another CA, logs the reason and tries again', async () => {
    const other = await benchCertificates(join(folder, 'other'), 'elderly-bot');
    const wrong = { ...credentials, ca: readFileSync(other.ca) };
    const taker = new Taker(endpoint(), wrong);
    const lost = await taker.logged('broker_lost', 1);
    assert.match(String(lost.reason), /certificate/);
    assert.equal(taker.link.state, 'connecting');
    await taker.stop();
  });

  test('a pending publish is rejected when the broker crashes', async () => {
    const taker = await Taker.start(endpoint(), credentials);
    const killed = broker.kill();
    await assert.rejects(taker.link.publish('elderly_bot/receipts', '{}'));
    await killed;
    await broker.restart();
    await taker.stop();
  });
});

/** A link that records its messages. The test calls `done` itself. */
class Taker {
  readonly taken: Incoming[] = [];
  readonly link: BrokerLink;
  readonly #lines: Record<string, unknown>[] = [];
  #waiting: (() => void)[] = [];

  constructor(endpoint: Endpoint, credentials: Credentials | null) {
    const log = pino({}, { write: (line) => this.#note(() => this.#lines.push(JSON.parse(line) as Record<string, unknown>)) });
    this.link = new BrokerLink({
      endpoint,
      credentials,
      clientId: `cloud-${Math.random()}`,
      filters: ['elderly_bot/telemetry', 'elderly_bot/backlog', 'elderly_bot/events'],
      take: (incoming) => this.#note(() => this.taken.push(incoming)),
      capacity: () => Promise.resolve(),
      log,
      backoff: { minMs: 20, maxMs: 100 },
    });
    this.link.start();
  }

  static async start(endpoint: Endpoint, credentials: Credentials | null): Promise<Taker> {
    const taker = new Taker(endpoint, credentials);
    assert.ok(await taker.link.subscribed(SUBSCRIBED_MS));
    return taker;
  }

  async has(count: number): Promise<void> {
    await this.#until(() => this.taken.length >= count);
  }

  /** Waits for the `count`th log line of this event. */
  async logged(event: string, count: number): Promise<Record<string, unknown>> {
    const lines = (): Record<string, unknown>[] => this.#lines.filter((line) => line.event === event);
    await this.#until(() => lines().length >= count);
    return lines()[count - 1] ?? {};
  }

  async stop(): Promise<void> {
    await this.link.leave();
    await this.link.stop();
  }

  #note(change: () => void): void {
    change();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
