// The process that computes bcrypt hashes. They occupy a core for long, and neither the event loop nor libuv's pool, which the ingest needs for
// zlib. It has a low priority, and ends with the process that started it.
import { setPriority } from 'node:os';
import bcrypt from 'bcrypt';

const LOW_PRIORITY = 10;

/** With `cost`, a new hash. With `hash`, whether it is the password's. */
export type HashingTask = { readonly password: string } & ({ readonly cost: number } | { readonly hash: string });

try {
  setPriority(LOW_PRIORITY);
} catch {
  // A service unit may forbid it. The priority only helps.
}
// A stop signals all processes of the service. This one ends with its parent, which first completes the running logins.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => {});
process.on('message', (task: HashingTask) => {
  process.send?.('cost' in task ? bcrypt.hashSync(task.password, task.cost) : bcrypt.compareSync(task.password, task.hash));
});
