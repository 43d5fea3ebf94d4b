// Simulates robots that come back to their broker together, each with a backlog. They follow the rules for the robot in
// docs/reference/protocol.md: a presence first, a presence again if a receipt is overdue, and a row again if a receipt leaves it out.
import mqtt, { type MqttClient } from 'mqtt';
import { presence, readings, telemetry } from '../../cloud/test/support/robot.ts';
import { coveredBy, normalize, type Range, type Ranges, receipt, subtract, topicsOf, union } from '../../src/wire/index.ts';

/** Robots that share a connection. Only the cloud's connection comes near the quota. */
const ROBOTS_A_CONNECTION = 100;
const BACKLOG_MESSAGES = 5;
const ROWS_A_MESSAGE = 20;
/** Each of so many robots has an alert. */
const ALERT_EVERY = 20;
const OVERDUE_MS = 90_000;
const REPEAT_MS = 300_000;
const RESEND_AFTER_MS = 60_000;
const CHECK_MS = 1_000;

interface Sent {
  readonly topic: string;
  readonly range: Range;
  readonly message: Readonly<Record<string, unknown>>;
  readonly isAlert: boolean;
  ackedMs: number;
}

/** A repeat fails if its connection ends, as at the stop. The rows stay uncovered, so that the robot counts as unsettled. */
function leaveUnsettled(): void {}

class ReturningRobot {
  readonly thing: string;
  readonly #client: MqttClient;
  readonly #hasAlert: boolean;
  readonly #sent: Sent[] = [];
  #covered: Ranges = [];
  #returnedMs = 0;
  #askedMs = Number.NEGATIVE_INFINITY;
  #firstReceiptMs: number | undefined;
  #settledMs: number | undefined;
  #alertMs: number | undefined;

  constructor(thing: string, client: MqttClient, hasAlert: boolean) {
    this.thing = thing;
    this.#client = client;
    this.#hasAlert = hasAlert;
  }

  /** From the return to the first receipt, until all rows are covered, and from the PUBACK of the alert to its receipt. */
  get times(): { readonly presence: number | undefined; readonly settled: number | undefined; readonly alert: number | undefined } {
    return { presence: this.#firstReceiptMs, settled: this.#settledMs, alert: this.#alertMs };
  }

  get hasAlert(): boolean {
    return this.#hasAlert;
  }

  get rows(): number {
    return this.#rows;
  }

  async return(): Promise<void> {
    this.#returnedMs = performance.now();
    await this.#ask();
    const topics = topicsOf(`fleet/${this.thing}`);
    const nowMs = Date.now();
    const at = (range: Range) => readings(range).map(([seq, , channel, value]) => [seq, nowMs, channel, value]);
    const live: Range = [this.#rows - ROWS_A_MESSAGE + 1, this.#rows];
    const sends = [this.#send(topics.telemetry, live, at(live), false)];
    if (this.#hasAlert) {
      const fall = [1, nowMs, 'fall', true, { alert: 'raised', incident: 'a' }];
      sends.push(this.#send(topics.telemetry, [1, 1], [fall], true));
    }
    for (let n = 0; n < BACKLOG_MESSAGES; n++) {
      const first = n * ROWS_A_MESSAGE + 1 + (this.#hasAlert ? 1 : 0);
      const range: Range = [first, first + ROWS_A_MESSAGE - 1];
      await this.#send(topics.backlog, range, at(range), false);
    }
    await Promise.all(sends);
  }

  receive(payload: Buffer): void {
    const heard = receipt.parse(JSON.parse(payload.toString()));
    const nowMs = performance.now();
    this.#firstReceiptMs ??= nowMs - this.#returnedMs;
    this.#covered = union(this.#covered, coveredBy(heard));
    const alert = this.#sent.find(({ isAlert }) => isAlert);
    if (alert?.ackedMs !== undefined && this.#holds(alert.range)) this.#alertMs ??= Math.max(0, nowMs - alert.ackedMs);
    if (this.#holds([1, this.#rows])) this.#settledMs ??= nowMs - this.#returnedMs;
    for (const sent of this.#sent) {
      if (!this.#holds(sent.range) && sent.ackedMs < heard.mark[1] - RESEND_AFTER_MS) this.#publish(sent).catch(leaveUnsettled);
    }
  }

  /** Asks for a receipt that is overdue. */
  async check(): Promise<void> {
    const nowMs = performance.now();
    const isOverdue = this.#sent.some(({ range, ackedMs }) => !this.#holds(range) && nowMs - ackedMs > OVERDUE_MS);
    if (!isOverdue || nowMs - this.#askedMs < REPEAT_MS) return;
    this.#askedMs = nowMs;
    await this.#ask();
  }

  get #rows(): number {
    return (BACKLOG_MESSAGES + 1) * ROWS_A_MESSAGE + (this.#hasAlert ? 1 : 0);
  }

  #holds(range: Range): boolean {
    return subtract(normalize([range]), this.#covered).length === 0;
  }

  async #ask(): Promise<void> {
    const message = presence({ thing: this.thing, mark: this.#mark }, [['box-1', this.#rows]], { at: Date.now() });
    await this.#client.publishAsync(topicsOf(`fleet/${this.thing}`).presence, JSON.stringify(message), { qos: 1 });
  }

  async #send(topic: string, range: Range, rows: readonly unknown[], isAlert: boolean): Promise<void> {
    const kind = isAlert ? 'alert' : topic.endsWith('backlog') ? 'backlog' : 'telemetry';
    const sent: Sent = { topic, range, message: { kind, readings: rows }, isAlert, ackedMs: Number.POSITIVE_INFINITY };
    this.#sent.push(sent);
    await this.#publish(sent);
  }

  async #publish(sent: Sent): Promise<void> {
    const { topic, message } = sent;
    sent.ackedMs = Number.POSITIVE_INFINITY;
    const fields = { thing: this.thing, accepted: this.#rows, mark: this.#mark };
    await this.#client.publishAsync(topic, JSON.stringify(telemetry(fields, [], { ...message, sent_at: Date.now() })), { qos: 1 });
    sent.ackedMs = performance.now();
  }

  get #mark(): [number, number] {
    return [1, Math.round(performance.now())];
  }
}

export class ReturningFleet {
  readonly robots: readonly ReturningRobot[];
  readonly #clients: readonly MqttClient[];
  readonly #checks: NodeJS.Timeout;

  private constructor(clients: readonly MqttClient[], count: number) {
    this.#clients = clients;
    this.robots = Array.from({ length: count }, (_, i) => {
      const client = clients[i % clients.length] as MqttClient;
      return new ReturningRobot(`robot-${i}`, client, i % ALERT_EVERY === 0);
    });
    const byThing = new Map(this.robots.map((robot) => [robot.thing, robot]));
    for (const client of clients) client.on('message', (topic, payload) => byThing.get(topic.split('/')[1] ?? '')?.receive(payload));
    this.#checks = setInterval(() => {
      for (const robot of this.robots) robot.check().catch(leaveUnsettled);
    }, CHECK_MS);
  }

  static async connect(port: number, count: number): Promise<ReturningFleet> {
    const clients: MqttClient[] = [];
    for (let n = 0; n < Math.ceil(count / ROBOTS_A_CONNECTION); n++) {
      clients.push(await mqtt.connectAsync({ host: '127.0.0.1', port, protocolVersion: 5, reconnectPeriod: 0, clientId: `robots-${n}` }));
    }
    await clients[0]?.subscribeAsync(topicsOf('fleet/+').receipts, { qos: 1 });
    return new ReturningFleet(clients, count);
  }

  /** Lets the robots return, most of them early: half in the first quarter. Resolves when each has the PUBACKs of its rows. */
  async return(withinMs: number): Promise<void> {
    const returns = this.robots.map(async (robot, i) => {
      await new Promise((resolve) => setTimeout(resolve, withinMs * (i / this.robots.length) ** 2));
      await robot.return();
    });
    await Promise.all(returns);
  }

  get unsettled(): number {
    return this.robots.filter(({ times }) => times.settled === undefined).length;
  }

  async stop(): Promise<void> {
    clearInterval(this.#checks);
    await Promise.all(this.#clients.map((client) => client.endAsync(true)));
  }
}
