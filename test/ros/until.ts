// Waits for a condition that has no event of its own, such as DDS discovery.
import { setTimeout as wait } from 'node:timers/promises';

export async function until(condition: () => boolean | Promise<boolean>, what: string, patienceMs = 10_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${patienceMs} ms in vain until ${what}`);
    await wait(5);
  }
}
