// Logs 500 lines and kills its own process, for logFile.test.ts. Its argument is the folder.
import { createLog, LogFile } from '../../src/logs/index.ts';

const file = new LogFile();
const log = createLog('info', { thing: 'robot' }, file);
file.open({ folder: String(process.argv[2]), maxBytes: 200_000, maxAgeMs: 3_600_000, nowMs: () => Date.now() });
for (let n = 0; n < 500; n++) log.info({ n }, n < 499 ? 'a line' : 'the last line');
process.kill(process.pid, 'SIGKILL');
