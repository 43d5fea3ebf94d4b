// Builds a network with a running program, and waits to be killed. network.test.ts looks for what it leaves behind.
import { RobotNetwork } from './robotNetwork.ts';

const network = await RobotNetwork.start(['wlan0']);
network.program('sleeper', 'sleep', 'infinity');
process.stdout.write(`${JSON.stringify({ event: 'built' })}\n`);
