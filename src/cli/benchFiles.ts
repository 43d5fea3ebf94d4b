// Creates the files for a test bench: certificates (`certs dev-ca`), or a complete Mosquitto setup for one robot (`bench mosquitto`).
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { print, quoted, writeShared } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { BENCH_FILES, benchCertificates } from '../identity/index.ts';
import { DOWNWARD, topicsOf, UPWARD } from '../wire/index.ts';

/** The topic that `elderly-bot bench` publishes on, after the topic prefix. Only the bench itself subscribes to it. */
export const BENCH_TOPIC = 'bench';

/** @throws AgentError FILE_EXISTS instead of overwriting files, because a broker, a cloud or a robot may be using them. */
export async function createCertificates(folder: string, thing: string, hosts: readonly string[], json: boolean): Promise<number> {
  refuseExisting(
    BENCH_FILES.map((file) => join(resolve(folder), file)),
    'give another folder, or remove this one; every program that uses its files then needs the new ones',
  );
  const { ca, broker, cloud, robot } = await benchCertificates(folder, thing, hosts);
  const lines = [`ca ${ca}`, ...Object.entries({ broker, cloud, robot }).map(([name, { cert, key }]) => `${name} ${cert} ${key}`)];
  await print(json ? JSON.stringify({ ca, broker, cloud, robot }) : lines);
  return 0;
}

/** @throws AgentError FILE_EXISTS */
export async function createBench(options: { folder: string; thing: string; port: number; json: boolean }): Promise<number> {
  const { thing, port, json } = options;
  const folder = resolve(options.folder);
  const files = { mosquitto: join(folder, 'mosquitto.conf'), acl: join(folder, 'acl'), robot: join(folder, 'robot.yaml') };
  refuseExisting(Object.values(files), 'give another folder, or remove the files in this one');
  const certificates = await benchCertificates(join(folder, 'certs'), thing);
  writeShared(files.mosquitto, mosquittoConf({ port, acl: files.acl, ca: certificates.ca, ...certificates.broker }));
  writeShared(files.acl, aclOf(thing));
  writeShared(files.robot, robotYaml({ thing, port, folder }));
  const next = ['run', 'simulate', 'bench'].map((command) => `elderly-bot ${command} --config ${quoted(files.robot)}`);
  const lines = [
    `wrote ${Object.values(files).join(', ')} and certificates; next, run each of these in its own terminal:`,
    ...[`mosquitto -c ${quoted(files.mosquitto)}`, ...next].map((command) => `  ${command}`),
  ];
  await print(json ? JSON.stringify({ ...files, certs: join(folder, 'certs') }) : lines);
  return 0;
}

function refuseExisting(files: readonly string[], remedy: string): void {
  const existing = files.find((file) => existsSync(file));
  if (existing !== undefined) throw new AgentError('FILE_EXISTS', `${existing} already exists`, { remedy });
}

function mosquittoConf({ port, acl, ca, cert, key }: { port: number; acl: string; ca: string; cert: string; key: string }): string {
  return `# A local Mosquitto with mutual TLS for a bench. The certificate identifies the client, and the ACL lists its rights.
listener ${port} 127.0.0.1
cafile ${ca}
certfile ${cert}
keyfile ${key}
require_certificate true
use_identity_as_username true
acl_file ${acl}
persistence false
# If root starts Mosquitto, it would otherwise switch to a user that can't read the key.
user root
`;
}

/** The robot may publish to upward topics and read downward ones, and the cloud the reverse (docs/reference/protocol.md, Rights). */
function aclOf(thing: string): string {
  const topics = topicsOf('elderly_bot');
  const rights = (upward: string, downward: string) => [
    ...UPWARD.map((topic) => `topic ${upward} ${topics[topic]}`),
    ...DOWNWARD.map((topic) => `topic ${downward} ${topics[topic]}`),
  ];
  return [
    '# The robot.',
    `user ${thing}`,
    ...rights('write', 'read'),
    '# For elderly-bot bench.',
    `topic readwrite elderly_bot/${BENCH_TOPIC}`,
    '',
    '# The cloud. elderly-bot send publishes commands and reads results with its certificate.',
    'user elderly-bot-cloud',
    ...rights('read', 'write'),
    '',
  ].join('\n');
}

function robotYaml({ thing, port, folder }: { thing: string; port: number; folder: string }): string {
  return `# A robot on a bench with the Mosquitto beside this file. It lists only differences from config/default.yaml, which explains every key.
thing: ${thing}
state_dir: ${join(folder, 'state')}
mqtt:
  endpoint: localhost:${port}
  root_ca: certs/ca.crt.pem
  cert_file: certs/robot.crt.pem
  private_key: certs/robot.key.pem
  # Telemetry every second, because messages to a local broker are free.
  interval: 1s
`;
}
