// One way from the robot to the internet: a veth pair to a router of its own, and behind the router a provider that can drop and delay
// packets. The robot's interface and default route stay as they are while the provider has a fault.
import { fileURLToPath } from 'node:url';
import { Program } from '../../../scripts/lab/program.ts';
import { Space } from './space.ts';

const PROVIDER = fileURLToPath(new URL('provider.py', import.meta.url));
/** The metrics of default routes by `NetworkManager`: 600 for Wi-Fi, 700 for mobile networks (its manual, ipv4.route-metric). */
const FIRST_METRIC = 600;
const METRIC_STEP = 100;

export interface Faults {
  /** Address families whose packets vanish at the provider. */
  readonly drop?: readonly (4 | 6)[];
  /** One-way delay. */
  readonly delay_ms?: number;
  /** Longer packets vanish without an ICMP message. */
  readonly longest?: number;
  /** The probability that a packet vanishes. */
  readonly loss?: number;
  /** true: the address translation forgets all TCP connections, and their packets vanish from now on. */
  readonly forget?: boolean;
}

export const BLACK_HOLE: Faults = { drop: [4, 6] };

export class LabUplink {
  /** The robot's interface. */
  readonly interface: string;
  /** The robot's IPv4 address. */
  readonly address: string;
  readonly #robot: Space;
  readonly #router: Space;
  readonly #provider: Program;
  readonly #number: number;
  #orders = 0;

  private constructor(name: string, number: number, robot: Space, router: Space) {
    this.interface = name;
    this.address = `10.77.${number}.2`;
    this.#number = number;
    this.#robot = robot;
    this.#router = router;
    const [command, ...words] = router.launch('python3', PROVIDER, 'provider', `wan${number}`, `10.77.${number}.0/24`, `${this.#v6}::/64`);
    this.#provider = new Program(`provider of ${name}`, command, words);
  }

  /** @param number 1 for the uplink that the kernel prefers. */
  static async start(name: string, number: number, robot: Space, internet: Space): Promise<LabUplink> {
    const uplink = new LabUplink(name, number, robot, await Space.start(`router of ${name}`));
    try {
      await uplink.#build(internet);
    } catch (error) {
      await uplink.stop();
      throw error;
    }
    return uplink;
  }

  async #build(internet: Space): Promise<void> {
    const [router, number] = [this.#router, this.#number];
    await this.#provider.event('ready');
    for (const family of ['ipv4', 'ipv6']) router.sysctl(`net/${family}/conf/all/forwarding`, 1);
    router.ip(
      `link add lan type veth peer name ${this.interface} netns ${this.#robot.pid}`,
      `addr add 10.77.${number}.1/24 dev lan`,
      `addr add ${this.#v6}::1/64 dev lan nodad`,
      'link set lan up',
      'link set provider up',
      'route add default dev provider',
      'route add ::/0 dev provider',
      `link set wan${number} netns ${internet.pid}`,
    );
    internet.ip(
      `link set wan${number} up`,
      `route add 10.77.${number}.0/24 dev wan${number}`,
      `route add ${this.#v6}::/64 dev wan${number}`,
    );
    this.up();
  }

  /** Replaces the provider's faults. Resolves when they are in force. */
  async harm(faults: Faults): Promise<void> {
    this.#orders += 1;
    const number = this.#orders;
    this.#provider.order(JSON.stringify([number, faults]));
    await this.#provider.event('applied', (line) => line.number === number);
  }

  /** Removes all faults of the provider. */
  heal(): Promise<void> {
    return this.harm({});
  }

  /** The interface goes down and loses its addresses and routes, as when the system leaves a Wi-Fi that is out of reach. */
  down(): void {
    this.#robot.ip(`link set ${this.interface} down`, `addr flush dev ${this.interface}`);
  }

  up(): void {
    const dev = `dev ${this.interface}`;
    const metric = `metric ${FIRST_METRIC + METRIC_STEP * (this.#number - 1)}`;
    this.#robot.ip(
      `addr replace ${this.address}/24 ${dev}`,
      `link set ${this.interface} up`,
      `addr replace ${this.#v6}::2/64 ${dev} nodad`,
      `route replace default via 10.77.${this.#number}.1 ${dev} ${metric}`,
      `route replace ::/0 via ${this.#v6}::1 ${dev} ${metric}`,
    );
  }

  async stop(): Promise<void> {
    this.#provider.endOrders();
    await this.#provider.exited;
    await this.#router.stop();
  }

  /** A global prefix, because a private one would sort IPv6 behind IPv4 (RFC 6724). */
  get #v6(): string {
    return `2001:db8:77:${this.#number}`;
  }
}
