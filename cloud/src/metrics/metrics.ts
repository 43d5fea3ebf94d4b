// Counts requests and messages for Prometheus.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Histogram;
  readonly #messages: Counter;

  constructor(subscribed: () => boolean) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Histogram({
      name: 'elderly_bot_cloud_request_seconds',
      help: 'Time to answer a request, by route.',
      labelNames: ['route', 'method', 'status'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    });
    this.#messages = new Counter({
      name: 'elderly_bot_cloud_messages_total',
      help: 'Committed messages of robots.',
      labelNames: ['kind'],
      registers,
    });
    new Gauge({
      name: 'elderly_bot_cloud_subscribed',
      help: '1 while the cloud is subscribed at the broker.',
      registers,
      collect() {
        this.set(subscribed() ? 1 : 0);
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  answered(route: string, method: string, status: number, seconds: number): void {
    this.#requests.observe({ route, method, status }, seconds);
  }

  committed(kind: string): void {
    this.#messages.inc({ kind });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
