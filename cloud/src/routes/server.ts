// Builds the HTTP server with all routes.
import type { Logger } from 'pino';
import type { Commands } from '../commands/index.ts';
import { type App, buildApp } from '../http/index.ts';
import type { Uploads } from '../uploads/index.ts';
import { alertRoutes } from './alerts.ts';
import { commandRoutes } from './commands.ts';
import type { Context } from './context.ts';
import { type CredentialOptions, credentialRoutes } from './credentials.ts';
import { type InheritedOptions, inheritedRoutes } from './inherited.ts';
import { type MachineOptions, machineRoutes } from './machine.ts';
import { robotRoutes } from './robots.ts';
import { type StreamRouteOptions, streamRoutes } from './stream.ts';
import { uploadRoutes } from './uploads.ts';

export interface ServerOptions extends Omit<Context, 'app'>, InheritedOptions, MachineOptions {
  readonly log: Logger;
  readonly credentials: CredentialOptions;
  readonly corsOrigins: readonly string[];
  /** Null if this cloud has no object store. */
  readonly uploads: Uploads | null;
  readonly commands: Commands;
  readonly stream?: StreamRouteOptions;
}

export async function httpServer(options: ServerOptions): Promise<App> {
  const { db, log, auth, notifier, metrics, corsOrigins, uploads } = options;
  const app = await buildApp({
    log,
    corsOrigins,
    trustProxy: options.monitorAccess.trustProxy,
    onAnswer: (route, method, status, seconds) => metrics.answered(route, method, status, seconds),
  });
  const context = { app, db, auth, notifier, metrics };
  credentialRoutes(context, options.credentials);
  inheritedRoutes(context, options);
  streamRoutes(context, options.stream);
  robotRoutes(context);
  alertRoutes(context, uploads);
  uploadRoutes(context, uploads);
  commandRoutes(context, options.commands, options.credentials.attempts);
  machineRoutes(context, options);
  return app;
}
