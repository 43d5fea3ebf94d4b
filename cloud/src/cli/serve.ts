// The command `serve`: runs the cloud until SIGTERM or SIGINT. It stops within 10 s, even if a part hangs. A second signal ends it at once.
import { pino } from 'pino';
import { logLine } from '../../../src/base/index.ts';
import { startCloud } from '../cloud.ts';
import { exportToSdk, readEnvironment, settingsFrom } from '../settings/index.ts';

const STOP_MS = 9_500;

export async function serve(): Promise<number> {
  const environment = readEnvironment(process.env, '.env');
  const settings = settingsFrom(environment);
  exportToSdk(environment);
  const stdout = pino.destination({ dest: 1, sync: true });
  const log = pino({ level: settings.logLevel, base: null }, { write: (line) => stdout.write(logLine(line)) });
  const stopRequest = firstSignal();
  // A start may wait for a migration without limit. Like a kill, an early stop leaves nothing half done.
  const cloud = await Promise.race([startCloud(settings, log), stopRequest]);
  if (typeof cloud === 'string') {
    log.info({ event: 'cloud_stopped', signal: cloud }, 'stopped before it was ready');
    process.exit(0);
  }
  log.info({ event: 'cloud_ready', url: cloud.url, subscribed: cloud.subscribed }, 'the cloud is ready');
  const signal = await stopRequest;
  log.info({ event: 'cloud_stopping', signal }, 'the cloud completes its pending work and stops');
  setTimeout(() => {
    log.warn(
      { event: 'cloud_stop_cut', after_ms: STOP_MS },
      'a part did not stop in time; the broker will send uncommitted messages again',
    );
    process.exit(0);
  }, STOP_MS).unref();
  await cloud.stop();
  log.info({ event: 'cloud_stopped' }, 'stopped');
  process.exit(0);
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isStopping = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (isStopping) process.exit(1);
        isStopping = true;
        resolve(signal);
      });
    }
  });
}
