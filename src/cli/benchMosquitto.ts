// `elderly-bot bench mosquitto FOLDER`: a broker for the bench, ready to start: certificates, what each of them may do, and a
// configuration for the robot.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { quoted } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { benchCertificates } from '../identity/index.ts';
import { DOWNWARD, topicsOf, UPWARD } from '../wire/index.ts';

export interface BenchBroker {
  readonly folder: string;
  readonly thing: string;
  readonly port: number;
  readonly json: boolean;
}

/** The topic of `elderly-bot bench`, which nobody else listens to. */
export const BENCH_TOPIC = 'bench';

export async function benchMosquitto({ folder: given, thing, port, json }: BenchBroker): Promise<number> {
  const folder = resolve(given);
  const files = { mosquitto: join(folder, 'mosquitto.conf'), acl: join(folder, 'acl'), robot: join(folder, 'robot.yaml') };
  const standing = Object.values(files).find((file) => existsSync(file));
  if (standing !== undefined) {
    throw new AgentError('FILE_EXISTS', `${standing} is there already`, { remedy: 'give another folder, or remove what is in this one' });
  }
  mkdirSync(folder, { recursive: true });
  const certificates = await benchCertificates(join(folder, 'certs'), thing);
  writeFileSync(files.mosquitto, mosquittoConf({ port, acl: files.acl, ca: certificates.ca, ...certificates.broker }));
  writeFileSync(files.acl, aclOf(thing));
  writeFileSync(files.robot, robotYaml({ thing, port, folder }));
  if (json) process.stdout.write(`${JSON.stringify({ ...files, certs: join(folder, 'certs') })}\n`);
  else {
    const next = [
      `mosquitto -c ${quoted(files.mosquitto)}`,
      `elderly-bot run --config ${quoted(files.robot)}`,
      `elderly-bot simulate --config ${quoted(files.robot)}`,
      `elderly-bot bench --config ${quoted(files.robot)}`,
    ];
    process.stdout.write(
      `wrote ${Object.values(files).join(', ')} and certificates; now, each in a terminal of its own:\n  ${next.join('\n  ')}\n`,
    );
  }
  return 0;
}

function mosquittoConf({ port, acl, ca, cert, key }: { port: number; acl: string; ca: string; cert: string; key: string }): string {
  return `# A local Mosquitto with mutual TLS for the bench. A client is who its certificate says, and may do what the ACL lists.
listener ${port} 127.0.0.1
cafile ${ca}
certfile ${cert}
keyfile ${key}
require_certificate true
use_identity_as_username true
acl_file ${acl}
persistence false
# Only where it is started as root: it would else become a user that can't read the key.
user root
`;
}

/** The robot publishes upward and subscribes to commands and receipts, the cloud the reverse (docs/reference/protocol.md, Rights). */
function aclOf(thing: string): string {
  const topics = topicsOf('elderly_bot');
  const robot = [...UPWARD.map((topic) => `topic write ${topics[topic]}`), ...DOWNWARD.map((topic) => `topic read ${topics[topic]}`)];
  const cloud = [...UPWARD.map((topic) => `topic read ${topics[topic]}`), ...DOWNWARD.map((topic) => `topic write ${topics[topic]}`)];
  return [
    '# The robot.',
    `user ${thing}`,
    ...robot,
    '# For elderly-bot bench.',
    `topic readwrite elderly_bot/${BENCH_TOPIC}`,
    '',
    '# The cloud. elderly-bot send speaks as the cloud does, and reads the results.',
    'user elderly-bot-cloud',
    ...cloud,
    '',
  ].join('\n');
}

function robotYaml({ thing, port, folder }: { thing: string; port: number; folder: string }): string {
  return `# A robot on the bench with the Mosquitto beside this file. Only what differs from config/default.yaml, which explains every key.
thing: ${thing}
state_dir: ${join(folder, 'state')}
mqtt:
  endpoint: localhost:${port}
  root_ca: certs/ca.crt.pem
  cert_file: certs/robot.crt.pem
  private_key: certs/robot.key.pem
  # Telemetry each second: it costs nothing here.
  interval: 1s
`;
}
