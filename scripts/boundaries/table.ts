// The import boundaries: which module may import which, and which module owns which library. docs/architecture.md explains them;
// main.ts turns them into rules for Biome.

/** Every module of src/ and the modules that it may import. All but `wire` may also import `base`, and all but these two src/errors.ts. */
export const ROBOT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: [],
  clock: [],
  logs: [],
  config: ['wire'],
  ros: [],
  configCheck: ['config', 'ros'],
  configInit: ['wire', 'config'],
  state: [],
  signing: ['wire'],
  identity: ['wire', 'clock', 'state'],
  service: ['config', 'state'],
  outbox: ['wire', 'clock', 'state'],
  status: ['wire', 'clock', 'outbox', 'service', 'state'],
  sensing: ['wire', 'clock', 'config', 'outbox', 'status'],
  commands: ['wire', 'clock', 'config', 'signing', 'outbox', 'status'],
  media: ['wire', 'clock', 'config', 'outbox', 'status'],
  uplink: ['wire', 'clock', 'config', 'outbox', 'status', 'state', 'identity'],
  uploads: ['wire', 'clock', 'config', 'outbox', 'status', 'identity'],
  doctor: [
    ...['wire', 'clock', 'config', 'ros', 'state', 'signing', 'identity', 'service', 'outbox', 'status'],
    ...['configCheck', 'sensing', 'commands', 'uplink', 'uploads'],
  ],
};

/** The composition root joins all modules but the doctor; the command line joins these and the doctor. */
export const COMPOSITION = Object.keys(ROBOT).filter((name) => name !== 'doctor');

/** Libraries that one module hides from all others. `state` uses SQLite's file lock and stores nothing. */
export const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  rclnodejs: ['ros'],
  '@foxglove/rosmsg': ['ros'],
  'better-sqlite3': ['outbox', 'state'],
  mqtt: ['uplink'],
  koffi: ['uplink'],
  sharp: ['media'],
  axios: ['uploads'],
  'unix-dgram': ['service'],
  '@peculiar/x509': ['identity'],
  canonicalize: ['signing'],
  yaml: ['config'],
  re2js: ['config'],
  yargs: ['cli'],
};

/** The same for the modules of cloud/src. All may also import src/base; only these with `wire` may import src/wire. */
export const CLOUD: Readonly<Record<string, readonly string[]>> = {
  version: [],
  errors: [],
  metrics: [],
  migrations: [],
  rights: ['wire'],
  messages: ['wire'],
  database: ['errors', 'migrations'],
  settings: ['errors', 'database', 'messages'],
  http: ['version', 'database'],
  broker: ['rights', 'messages', 'settings'],
  health: ['metrics', 'database', 'broker'],
  receipts: ['wire', 'database', 'messages'],
  robots: ['wire', 'database', 'messages'],
  alerts: ['wire', 'database', 'messages', 'robots'],
  uploads: ['wire', 'database', 'messages'],
  auth: ['wire', 'database', 'http', 'messages'],
  commands: ['wire', 'database', 'http'],
  stream: ['database', 'messages', 'alerts', 'robots'],
  ingest: ['wire', 'database', 'messages', 'receipts', 'robots', 'alerts', 'auth', 'uploads'],
  maintenance: ['database', 'messages', 'settings', 'robots', 'alerts', 'uploads'],
  routes: [
    ...['wire', 'database', 'http', 'auth', 'metrics', 'health', 'receipts', 'robots', 'alerts', 'uploads'],
    ...['commands', 'stream'],
  ],
  service: ['errors', 'settings'],
  doctor: ['errors', 'rights', 'database', 'settings', 'broker', 'health', 'uploads'],
};

/** The composition root cloud.ts joins all modules but these; the command line joins these too. */
export const CLOUD_COMMANDS = ['service', 'doctor'];

/** Libraries that one module of the cloud hides from all others. The doctor looks at a server before the database can be opened. */
export const CLOUD_LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  pg: ['database', 'doctor'],
  'pg-copy-streams': ['database'],
  '@electric-sql/pglite': ['database'],
  mqtt: ['broker'],
  limiter: ['receipts'],
  fastify: ['http', 'auth', 'routes'],
  '@fastify/cors': ['http'],
  '@fastify/helmet': ['http'],
  '@fastify/swagger': ['http'],
  'fastify-type-provider-zod': ['http'],
  bcrypt: ['auth'],
  jose: ['auth'],
  '@aws-sdk/client-s3': ['uploads'],
  '@aws-sdk/s3-request-presigner': ['uploads'],
  'prom-client': ['metrics'],
  yargs: ['main'],
};
