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
  state: [],
  identity: ['wire', 'clock', 'state'],
  service: ['config', 'state'],
  outbox: ['wire', 'clock', 'state'],
  status: ['wire', 'clock', 'outbox', 'service'],
  sensing: ['wire', 'clock', 'config', 'outbox', 'status'],
  commands: ['wire', 'clock', 'config', 'outbox', 'status'],
  media: ['wire', 'clock', 'config', 'outbox', 'status'],
  uplink: ['wire', 'clock', 'config', 'outbox', 'status', 'state', 'identity'],
  uploads: ['wire', 'clock', 'config', 'outbox', 'status', 'identity'],
  doctor: [
    ...['wire', 'clock', 'config', 'ros', 'state', 'identity', 'service', 'outbox', 'status'],
    ...['sensing', 'commands', 'uplink', 'uploads'],
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
  sharp: ['media'],
  axios: ['uploads'],
  'unix-dgram': ['service'],
  '@peculiar/x509': ['identity'],
  yaml: ['config'],
  yargs: ['cli'],
};
