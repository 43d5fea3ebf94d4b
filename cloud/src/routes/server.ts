// All routes on one server, and what they need.

import type { Logger } from 'pino';
import type { Auth } from '../auth/index.ts';
import type { LinkState } from '../broker/index.ts';
import type { Commands } from '../commands/index.ts';
import type { Database } from '../database/index.ts';
import type { App } from '../http/index.ts';
import { buildApp } from '../http/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { ChangeNotifier } from '../stream/index.ts';
import type { Uploads } from '../uploads/index.ts';
import { alertRoutes } from './alerts.ts';
import { commandRoutes } from './commands.ts';
import { type CredentialOptions, credentialRoutes } from './credentials.ts';
import { machineRoutes } from './machine.ts';
import { monitorRoutes } from './monitors.ts';
import { robotRoutes } from './robots.ts';
import { type StreamRouteOptions, streamRoutes } from './stream.ts';
import { type TelemetryOptions, telemetryRoutes } from './telemetry.ts';
import { uploadRoutes } from './uploads.ts';

export interface ServerOptions extends TelemetryOptions {
  readonly db: Database;
  readonly log: Logger;
  readonly auth: Auth;
  readonly credentials: CredentialOptions;
  readonly broker: () => LinkState;
  readonly metrics: Metrics;
  /** Who else may see /healthz and /metrics. */
  readonly monitorAllow: readonly string[];
  readonly corsOrigins: readonly string[];
  /** Null: this cloud has no store. */
  readonly uploads: Uploads | null;
  readonly commands: Commands;
  readonly notifier: ChangeNotifier;
  readonly stream?: StreamRouteOptions;
}

export async function httpServer(options: ServerOptions): Promise<App> {
  const { db, log, auth, metrics } = options;
  const app = await buildApp({
    log,
    corsOrigins: options.corsOrigins,
    onAnswer: (route, method, status, seconds) => metrics.answered(route, method, status, seconds),
  });
  const context = { app, db, auth, notifier: options.notifier };
  credentialRoutes(context, options.credentials);
  monitorRoutes(context, options.defaultThing);
  telemetryRoutes(context, options);
  streamRoutes(context, options.stream);
  robotRoutes(context);
  alertRoutes(context, options.uploads);
  uploadRoutes(context, options.uploads);
  commandRoutes(context, options.commands);
  machineRoutes(context, { broker: options.broker, metrics, allowed: options.monitorAllow });
  return app;
}
