// Runs one kind of hostile robots: hostileLife.ts KIND PORT. The event `harming` tells that the harm begins. The end of standard input ends
// it, and the event `harmed` counts the published messages.
import { HARMS } from './hostile.ts';

const [kind = '', port] = process.argv.slice(2);
const tell = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const until = new AbortController();
process.stdin.on('end', () => until.abort()).resume();
const harm = HARMS[kind];
if (!harm) throw new Error(`there is no harm "${kind}"; there are: ${Object.keys(HARMS).join(', ')}`);
const told = await harm({ port: Number(port), until: until.signal, begin: () => tell({ event: 'harming' }) });
tell({ event: 'harmed', ...told });
