// The setup: works out what is missing, says in one line what it will install, then does it step by step with times. Each step
// asks for the real result, not for a memory of having run, so that an interrupted setup goes on where it was.

import { build } from './build.mjs';
import { ROOT, SetupError } from './context.mjs';
import { withLock } from './lock.mjs';
import { nodePackages, rclnodejs, sqlite } from './packages.mjs';
import { ros } from './ros.mjs';
import { system } from './system.mjs';

/** In this order: each may need those before it. */
const STEPS = [system, nodePackages, sqlite, ros, build, rclnodejs];

async function main() {
  const startedMs = performance.now();
  const seconds = () => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  await withLock(async () => {
    const missing = STEPS.filter((step) => !step.done());
    if (missing.length === 0) return;
    say(`setup: installs ${missing.map((step) => step.what()).join(', ')} (into ${ROOT}, but for Debian packages)`);
    for (const step of missing) step.check?.();
    for (const step of STEPS) {
      // An earlier step can undo a later one: fresh packages have no compiled parts.
      if (step.done()) continue;
      const beganMs = performance.now();
      process.stderr.write(`setup: ${step.name} ...\n`);
      await step.run();
      if (!step.done()) throw new SetupError(`${step.name} ran, and yet it is not there`, 'run bin/setup again; .setup/ has the logs');
      say(`setup: ${step.name} done in ${((performance.now() - beganMs) / 1000).toFixed(1)} s`);
    }
  });
  say(`setup: all there (${seconds()})`);
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(`setup: ${error.message}; ${error.todo}`);
  process.exitCode = 2;
}
