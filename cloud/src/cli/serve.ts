// `serve`: the cloud as a process, until SIGTERM or SIGINT. It stops within 10 s, even if a part hangs; a second signal ends it at once.
import { pino } from 'pino';
import { startCloud } from '../cloud.ts';
import { exportToSdk, readEnvironment, settingsFrom } from '../settings/index.ts';

const STOP_MS = 9_500;

export async function serve(): Promise<number> {
  const environment = readEnvironment(process.env, '.env');
  const settings = settingsFrom(environment);
  exportToSdk(environment);
  const log = pino({ level: settings.logLevel, base: null }, pino.destination({ dest: 1, sync: true }));
  const stopAsked = firstSignal();
  const cloud = await startCloud(settings, log);
  log.info({ event: 'cloud_ready', url: cloud.url, subscribed: cloud.subscribed }, 'the cloud is ready');
  const signal = await stopAsked;
  log.info({ event: 'cloud_stopping', signal }, 'finishing what was taken');
  setTimeout(() => {
    log.warn({ event: 'cloud_stop_cut', after_ms: STOP_MS }, 'something did not end; what was not committed comes again');
    process.exit(0);
  }, STOP_MS).unref();
  await cloud.stop();
  log.info({ event: 'cloud_stopped' }, 'stopped');
  process.exit(0);
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}
