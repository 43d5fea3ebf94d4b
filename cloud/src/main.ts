// The cloud as a process. Exit code 2: settings that can't work; 1: surroundings that don't; 0: stopped as asked.
import { pino } from 'pino';
import { type Cloud, startCloud } from './cloud.ts';
import { messageOf, SettingsError } from './errors.ts';
import { readEnvironment, type Settings, settingsFrom } from './settings.ts';

/** A stop takes at most 10 s, whatever hangs. */
const STOP_MS = 9_500;

async function main(): Promise<void> {
  const settings = readSettings();
  const log = pino({ level: settings.logLevel, base: null }, pino.destination({ dest: 1, sync: true }));
  const stopAsked = new Promise<string>((resolve) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
  let cloud: Cloud;
  try {
    cloud = await startCloud(settings, log);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(1);
  }
  log.info({ event: 'cloud_ready', url: cloud.url, subscribed: cloud.subscribed }, 'the cloud is ready');
  const signal = await stopAsked;
  log.info({ event: 'cloud_stopping', signal }, 'finishing what was taken');
  setTimeout(() => process.exit(0), STOP_MS).unref();
  await cloud.stop();
  log.info({ event: 'cloud_stopped' }, 'stopped');
  process.exit(0);
}

function readSettings(): Settings {
  try {
    return settingsFrom(readEnvironment(process.env, '.env'));
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.lines.join('\n')}\n`);
    process.exit(2);
  }
}

await main();
