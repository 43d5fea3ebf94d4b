// Checks each network interface of mqtt.uplinks: whether it exists, has an address and reaches the broker.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownAddresses } from '../../base/index.ts';
import { brokerOf, type Config } from '../../config/index.ts';
import { failuresText, type Interface, nameOf } from '../../uplink/index.ts';
import { error, type Finding, ok, warning } from '../check.ts';
import type { DoctorContext, RobotCheck } from '../context.ts';

/** The kernel's list of all interfaces, also of those without an address. */
const INTERFACES = '/sys/class/net';

export function uplinkChecks({ mqtt }: Config): RobotCheck[] {
  return brokerOf(mqtt).interfaces.map((each) => ({
    code: 'uplink',
    subject: each.name,
    deadlineMs: 20_000,
    run: (context) => examine(each, context),
  }));
}

async function examine({ name, isMetered }: Interface, { reached }: DoctorContext): Promise<Finding> {
  const { tried } = await reached;
  const own = tried.filter(({ path }) => path.interface?.name === name);
  // With another way to the broker, the robot still delivers its alerts.
  const fault = tried.some(({ failure }) => !failure) ? warning : error;
  const all = readdirSync(INTERFACES);
  if (!all.includes(name)) {
    const others = all.filter((each) => each !== 'lo').join(', ');
    return fault(
      `this machine has no interface ${name}, but ${others}`,
      'correct mqtt.uplinks, or connect the modem',
      'ip -brief address',
      [],
    );
  }
  const addresses = ownAddresses().flatMap((own) => (own.name === name ? own.address : []));
  if (addresses.length === 0)
    return fault(`${name} has no address, it is ${stateOf(name)}`, `connect ${name} to its network`, `ip address show ${name}`, []);
  const working = own.find(({ failure }) => !failure);
  if (working) {
    const { path, openMs } = working;
    return ok(`${addresses.join(', ')}${isMetered ? ', metered' : ''}; reaches ${nameOf(path)} in ${openMs} ms`);
  }
  const failures = failuresText(own.flatMap(({ failure }) => failure ?? []));
  const remedy = `check the network of ${name}: its route, and that no firewall blocks the broker’s port`;
  return fault(`${name} does not reach the broker; ${failures}`, remedy, `ip route show dev ${name}`);
}

/** Returns the kernel's word for the state of the interface. */
function stateOf(name: string): string {
  try {
    return readFileSync(join(INTERFACES, name, 'operstate'), 'utf8').trim();
  } catch {
    return 'down';
  }
}
