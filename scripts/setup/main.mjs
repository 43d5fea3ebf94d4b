// Installs everything that is missing. It checks all requirements before the first change, prints one line with the planned
// installations, and then runs the steps with their times. Each step tests the real result, so an interrupted setup continues.
// bin/setup starts it and prevents two at once. --check only lists what is missing, with exit code 1. --no-ros omits ROS 2 and
// the programs of the tests, for a laptop that only needs the command line.
import { join } from 'node:path';
import { build } from './build.mjs';
import { ROOT, report, SetupError } from './context.mjs';
import { debianPackages } from './debian.mjs';
import { datagrams, rclnodejs } from './native.mjs';
import { nodePackages } from './packages.mjs';
import { hadolint, paho } from './pypi.mjs';
import { ros } from './ros.mjs';
import { buildVersitygw, versitygw } from './versitygw.mjs';

const CHECK = process.argv.includes('--check');
const WITHOUT_ROS = process.argv.includes('--no-ros');

/** In this order: a step may need an earlier one. */
const STEPS = WITHOUT_ROS ? [nodePackages, datagrams, build] : [ros, nodePackages, datagrams, build, rclnodejs];

/** A test that needs a missing program is skipped and names it. */
const FOR_TESTS = [{ name: 'versitygw', what: versitygw, get: buildVersitygw }, hadolint, paho];

/** @returns {Promise<number>} the exit code */
async function main() {
  const startedMs = performance.now();
  const missing = STEPS.filter((step) => !step.done());
  const debian = debianPackages([...new Set(missing.flatMap((step) => step.needs))], !WITHOUT_ROS);
  const problems = [...debian.problems(), ...(await checked(missing))];
  for (const { message, remedy } of problems) report(`${message}; ${remedy}`);
  if (problems.length > 0) return 2;

  const forTests = WITHOUT_ROS ? [] : FOR_TESTS.map((part) => ({ ...part, what: part.what() })).filter(({ what }) => what !== undefined);
  const installs = [
    ...missing.map((step) => step.what),
    ...forTests.map(({ what }) => what),
    ...(debian.what.length > 0 ? [`from Debian ${debian.what.join(', ')}`] : []),
  ];
  if (installs.length > 0)
    report(`${CHECK ? 'would install' : 'installs'} ${installs.join('; ')} (all but Debian's packages into ${ROOT})`);
  if (CHECK && installs.length > 0) return 1;
  if (debian.what.length > 0) await timed('Debian packages', debian.install);
  else await debian.install();
  for (const step of missing.length > 0 ? STEPS : []) {
    // An earlier step can undo a later one: fresh packages have no compiled parts.
    if (step.done()) continue;
    await timed(step.name, step.run);
    if (!step.done()) throw new SetupError(`${step.name}: it ran, and yet it does not work`, `run it again; ${ROOT}/.setup/ has the logs`);
  }
  for (const { name, get } of forTests) await timed(name, get);
  report(`all there (${seconds(startedMs)})`);
  if (installs.length > 0) hints();
  return 0;
}

/** Prints hints about the next obstacles for a newcomer. */
function hints() {
  const bin = join(ROOT, 'bin');
  if (!(process.env.PATH ?? '').split(':').includes(bin)) report(`the documentation’s commands are in ${bin}: export PATH="${bin}:$PATH"`);
  if (!/^[\w./@%$:+,=~-]+$/.test(ROOT)) report(`${ROOT} has spaces or other letters: all works but \`elderly-bot service install\``);
}

/** @param {import('./context.mjs').Step[]} steps */
async function checked(steps) {
  const asked = await Promise.allSettled(steps.map((step) => step.check?.()));
  return asked.flatMap((check) => {
    if (check.status === 'fulfilled') return [];
    if (check.reason instanceof SetupError) return [check.reason];
    throw check.reason;
  });
}

/** @param {string} name @param {() => Promise<void>} work */
async function timed(name, work) {
  const beganMs = performance.now();
  report(`${name} ...`);
  await work();
  report(`${name} done in ${seconds(beganMs)}`);
}

/** @param {unknown} error */
function cannotWrite(error) {
  const { code, path } = /** @type {NodeJS.ErrnoException} */ (error);
  if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT'].includes(code ?? '')) throw error;
  return new SetupError(`${path ?? ROOT} can't be written (${code})`, 'run it as the owner of this folder, with space on its disk');
}

/** @param {number} sinceMs */
function seconds(sinceMs) {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}

try {
  process.exitCode = await main();
} catch (error) {
  const { message, remedy } = error instanceof SetupError ? error : cannotWrite(error);
  report(`${message}; ${remedy}`);
  process.exitCode = 2;
}
