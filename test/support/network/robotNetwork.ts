// A robot with one or two uplinks in network namespaces of its own, and a Mosquitto with mutual TLS behind them, which has a
// name, an IPv4 and an IPv6 address. Nothing of it is visible outside, and nothing remains after the end of this process.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program, ROOT } from '../../../scripts/lab/program.ts';
import { type BenchFiles, benchCertificates } from '../../../src/identity/index.ts';
import { THING } from '../bench.ts';
import type { Launch } from '../launch.ts';
import { findMosquitto, Mosquitto } from '../mosquitto.ts';
import { networkFolder } from './folder.ts';
import { LabUplink } from './labUplink.ts';
import { Space } from './space.ts';

export const BROKER_NAME = 'broker.lab';
/** Addresses for documentation, which no machine has (RFC 5737, RFC 3849). */
export const BROKER_V4 = '198.51.100.10';
export const BROKER_V6 = '2001:db8:1::10';
const NAME_SERVER = '198.51.100.53';
const SERVE_NAMES = fileURLToPath(new URL('nameserver.py', import.meta.url));
/** The agent tries 8883 first, and then 443. */
const PORTS = [8883, 443];

/** For a test's `skip`: the reason why the network cannot be built here, or false. */
export function networkMissing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces';
  if (!existsSync('/dev/net/tun')) return 'no /dev/net/tun';
  if (!findMosquitto()) return 'no Mosquitto: apt-get install mosquitto';
  const veth = 'ip link add veth0 type veth peer name veth1 && setpriv --pdeathsig KILL python3 -c ""';
  const { status, error, stderr } = spawnSync('unshare', ['--net', '--mount', 'sh', '-c', veth], { encoding: 'utf8' });
  return status === 0 ? false : `no network namespace with veth (unshare, ip, setpriv, python3): ${error?.message ?? stderr.trim()}`;
}

export class RobotNetwork {
  readonly folder = networkFolder();
  /** The broker's Unix socket, which no fault of the network affects. */
  readonly socket = join(this.folder, 'broker.sock');
  readonly uplinks: LabUplink[] = [];
  readonly #ends: (() => Promise<void>)[] = [];
  #files: BenchFiles | undefined;
  #robot: Space | undefined;
  #broker: Mosquitto | undefined;
  #nameServer: Program | undefined;

  private constructor() {}

  /** @param interfaces names of the robot's interfaces, in the order of the kernel's preference. */
  static async start(interfaces: readonly string[]): Promise<RobotNetwork> {
    const network = new RobotNetwork();
    try {
      await network.#build(interfaces);
    } catch (error) {
      await network.stop();
      throw error;
    }
    return network;
  }

  get broker(): Mosquitto {
    return built(this.#broker);
  }

  /** Whether the name server answers. The robot asks it over the uplink that the kernel prefers. */
  set resolves(does: boolean) {
    built(this.#nameServer).signal(does ? 'SIGCONT' : 'SIGSTOP');
  }

  /** Runs a program of the robot. */
  get launch(): Launch {
    return built(this.#robot).launch;
  }

  /** Starts a program of the robot with the variables of its service. Without a port in the endpoint, the agent chooses the port. */
  program(name: string, command: string, ...args: readonly string[]): Program {
    const { ca, robot } = built(this.#files);
    const [enter, ...words] = this.launch(command, ...args);
    const env = {
      ...process.env,
      AWS_IOT_ENDPOINT: BROKER_NAME,
      AWS_ROOT_CA: ca,
      AWS_CERT_FILE: robot.cert,
      AWS_PRIVATE_KEY: robot.key,
    };
    return this.#keep(new Program(name, enter, words, env, ROOT));
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0).toReversed()) await end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #build(interfaces: readonly string[]): Promise<void> {
    const files = await benchCertificates(join(this.folder, 'certs'), THING, [BROKER_NAME]);
    this.#files = files;
    const resolving = { '/etc/hosts': '127.0.0.1 localhost\n::1 localhost\n', '/etc/resolv.conf': `nameserver ${NAME_SERVER}\n` };
    const robot = this.#keep(await Space.start('robot', resolving));
    this.#robot = robot;
    const internet = this.#keep(await Space.start('internet'));
    internet.ip(`addr add ${BROKER_V4}/32 dev lo`, `addr add ${NAME_SERVER}/32 dev lo`, `addr add ${BROKER_V6}/128 dev lo nodad`);
    const { launch } = internet;
    const [command, ...words] = launch('python3', SERVE_NAMES, NAME_SERVER, BROKER_NAME, BROKER_V4, BROKER_V6);
    const nameServer = this.#keep(new Program('name server', command, words));
    await nameServer.event('ready');
    this.#nameServer = nameServer;
    for (const [index, name] of interfaces.entries()) {
      this.uplinks.push(this.#keep(await LabUplink.start(name, index + 1, robot, internet)));
    }
    const tls = [
      `cafile ${files.ca}`,
      `certfile ${files.broker.cert}`,
      `keyfile ${files.broker.key}`,
      'require_certificate true',
      'use_identity_as_username true',
      'set_tcp_nodelay true',
    ];
    const listeners = PORTS.flatMap((port) => [BROKER_V4, BROKER_V6].map((address) => [`listener ${port} ${address}`, ...tls]));
    this.#broker = this.#keep(await Mosquitto.start({ socket: this.socket, lines: listeners.flat(), launch }));
  }

  #keep<T extends { stop(): Promise<unknown> }>(part: T): T {
    this.#ends.push(async () => void (await part.stop()));
    return part;
  }
}

function built<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('the network is not built');
  return part;
}
