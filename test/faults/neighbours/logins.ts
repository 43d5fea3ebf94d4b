// Guesses passwords from many addresses at once. On Linux a client of the loopback may have any address of 127.0.0.0/8.
import { Agent, request } from 'node:http';
import { pause, type Told } from './robots.ts';

const AT_ONCE = 180;
/** Logins of one address at a time: as many as the cloud permits it in 15 minutes (cloud/src/auth/limits.ts). */
const PER_ADDRESS = 60;
const EVERY_MS = 10_000;

/** @returns the number of answers by status, and of requests without an answer. */
export async function guessPasswords(origin: string, until: AbortSignal): Promise<Told> {
  const answers: Record<string, number> = {};
  let addresses = 0;
  const guesses: Promise<void>[] = [];
  while (!until.aborted) {
    for (let n = 0; n < AT_ONCE; n++) {
      if (n % PER_ADDRESS === 0) addresses++;
      const guess = statusOf(origin, `127.1.${addresses >> 8}.${addresses & 255}`, n).then((status) => {
        answers[`answers_${status}`] = (answers[`answers_${status}`] ?? 0) + 1;
      });
      guesses.push(guess);
    }
    await pause(EVERY_MS, until);
  }
  await Promise.all(guesses);
  return { guesses: guesses.length, ...answers };
}

function statusOf(origin: string, localAddress: string, n: number): Promise<number | 'none'> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json' };
    const asked = request(
      `${origin}/auth/login`,
      { method: 'POST', headers, localAddress, agent: new Agent(), timeout: 60_000 },
      (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 'none'));
      },
    );
    asked.on('timeout', () => asked.destroy()).on('error', () => resolve('none'));
    asked.end(JSON.stringify({ phone: `+39061234${String(n).padStart(4, '0')}`, password: 'a wrong password' }));
  });
}
