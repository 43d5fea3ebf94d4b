// Numbers for Prometheus: counters and histograms of events, and gauges that read a value when they are scraped.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const PREFIX = 'elderly_bot_cloud_';

/** One use of a database connection. */
interface Use {
  readonly kind: string;
  readonly seconds: number;
  readonly error: unknown;
}

/** A number, or a number for each value of the label. */
type Reading = number | Readonly<Record<string, number>>;

export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Histogram({
    name: `${PREFIX}request_seconds`,
    help: 'Time to answer a request, by route',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [this.#registry],
  });
  readonly #messages = this.#counter('messages_total', 'Committed messages of robots', 'kind');
  readonly #rows = this.#counter('rows_total', 'Rows in committed messages; a repeated row counts again', 'table');
  readonly #errors = this.#counter(
    'database_errors_total',
    'Failed statements and transactions, by SQLSTATE; none: no answer',
    'pool',
    'code',
  );
  readonly #commits = new Histogram({
    name: `${PREFIX}commit_seconds`,
    help: 'Duration of a transaction of the ingest, including its wait for a connection',
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [this.#registry],
  });
  /** The error of the ingest's last transaction; undefined if that succeeded. */
  lastFailure: unknown;

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  answered(route: string, method: string, status: number, seconds: number): void {
    this.#requests.observe({ route, method, status }, seconds);
  }

  /** @param rows their number in each table. */
  committed(kind: string, rows: Readonly<Record<string, number>>): void {
    this.#messages.inc({ kind });
    for (const [table, count] of Object.entries(rows)) if (count > 0) this.#rows.inc({ table }, count);
  }

  used(pool: string, { kind, seconds, error }: Use): void {
    const { code = 'none' } = (error ?? {}) as { readonly code?: string };
    if (error !== undefined) this.#errors.inc({ pool, code });
    if (pool !== 'ingest' || kind !== 'transaction') return;
    this.#commits.observe(seconds);
    this.lastFailure = error;
  }

  /** @param read may reject; the value is then absent. @param label the name of the label if there are several values. */
  gauge(name: string, help: string, read: () => Reading | Promise<Reading>, label = 'name'): void {
    new Gauge({
      name: `${PREFIX}${name}`,
      help,
      labelNames: [label],
      registers: [this.#registry],
      async collect() {
        this.reset();
        const reading = await Promise.resolve()
          .then(read)
          .catch(() => ({}));
        if (typeof reading === 'number') this.set({}, reading);
        else for (const [value, number] of Object.entries(reading)) this.set({ [label]: value }, number);
      },
    });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #counter(name: string, help: string, ...labelNames: string[]): Counter {
    return new Counter({ name: `${PREFIX}${name}`, help, labelNames, registers: [this.#registry] });
  }
}
