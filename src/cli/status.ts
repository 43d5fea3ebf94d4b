// `elderly-bot status`: what the running agent says of itself, from its socket; once, or again and again.

import { wait } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { askStatus } from '../status/index.ts';
import { salvaged } from './salvaged.ts';
import { shown } from './statusText.ts';
import { fullScreen, painter } from './terminal.ts';

const EVERY_MS = 1_000;

/** @returns 0 when nothing is wrong, 1 when problems stand. */
export async function status(file: string | undefined, json: boolean): Promise<number> {
  const found = await askStatus(salvaged(file).state_dir);
  process.stdout.write(json ? `${JSON.stringify(found)}\n` : shown(found, painter()));
  return found.problems.length === 0 ? 0 : 1;
}

/** Looks once a second until a signal. On a terminal it is one screen, which is given back as it was; with `json` a line each time. */
export async function watch(file: string | undefined, json: boolean): Promise<number> {
  const stateDir = salvaged(file).state_dir;
  const paint = painter();
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  const screen = fullScreen(json);
  try {
    while (!stop.signal.aborted) {
      screen.show(
        await look(
          stateDir,
          json,
          (text) => paint('red', text),
          (found) => shown(found, paint),
        ),
      );
      await wait(EVERY_MS, stop.signal);
    }
  } finally {
    screen.end();
  }
  return 0;
}

async function look(
  stateDir: string,
  json: boolean,
  red: (text: string) => string,
  text: (found: Parameters<typeof shown>[0]) => string,
): Promise<string> {
  try {
    const found = await askStatus(stateDir);
    return json ? `${JSON.stringify(found)}\n` : text(found);
  } catch (error) {
    // An agent that starts anew is gone for moments: the view goes on.
    if (!(error instanceof AgentError)) throw error;
    return json ? '' : `${red(error.message)}\n${error.remedy ?? ''}\n`;
  }
}
