// Runs Fast DDS' discovery server on a free loopback port.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Program } from '../../scripts/lab/program.ts';

const NAME = 'fast-discovery-server';
/** The number by which the tool of Fast DDS 3 asks this program to be a server; Fast DDS 2 takes none. */
const SERVE = /^(foxy|galactic|humble|iron|jazzy)$/.test(process.env.ROS_DISTRO ?? '') ? [] : ['42'];

/** For a test's `skip`: the reason why there is no discovery server, or false. */
export function discoveryServerMissing(): string | false {
  const isThere = (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, NAME)));
  return isThere ? false : `no ${NAME} in this ROS environment`;
}

export class DiscoveryServer {
  readonly address: string;
  readonly #program: Program;

  private constructor(address: string, program: Program) {
    this.address = address;
    this.#program = program;
  }

  static async start(port?: number): Promise<DiscoveryServer> {
    const chosen = port ?? (await freeUdpPort());
    const args = [...SERVE, '-i', '0', '-l', '127.0.0.1', '-p', String(chosen)];
    const program = await new Promise<Program>((resolve, reject) => {
      const started: Program = new Program(NAME, NAME, args, process.env, undefined, ({ text }) => {
        if (/[Ss]erver (started|is running)/.test(String(text))) resolve(started);
      });
      void started.exited.then((code) => reject(new Error(`${NAME} ended with ${code}: ${started.stderr}`)));
    });
    return new DiscoveryServer(`127.0.0.1:${chosen}`, program);
  }

  async stop(): Promise<void> {
    await this.#program.stop();
  }
}

/** A loopback UDP port that no program uses. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}
