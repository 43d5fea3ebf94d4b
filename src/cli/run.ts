// `elderly-bot run`: the agent in this process, until a signal. The first one stops it cleanly, a second one at once.
import { Agent } from '../agent.ts';
import { loadConfig } from '../config/index.ts';
import { createLog } from '../logs/index.ts';

/** systemd's default is 90 s; a robot that is switched off gives less. */
const STOP_DEADLINE_MS = 8_000;

export async function run(file: string | undefined): Promise<number> {
  const loaded = loadConfig(file, process.env);
  const { config } = loaded;
  const log = createLog(config.log_level, { thing: config.thing });
  const agent = new Agent(loaded, log);
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    const onSignal = (signal: NodeJS.Signals) => {
      if (stop.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
      log.info({ event: 'stopping', signal }, 'stopping; a second signal ends it at once');
      stop.abort();
      resolve();
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  });
  try {
    await agent.start(stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return 0;
    throw error;
  }
  // Every timer of the agent may be unreferenced; this one keeps the process alive until a signal.
  const alive = setInterval(() => {}, 2 ** 30);
  await stopped;
  clearInterval(alive);
  await agent.stop(STOP_DEADLINE_MS);
  log.info({ event: 'stopped' }, 'stopped');
  return 0;
}
