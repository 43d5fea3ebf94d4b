// The AsyncAPI 3 document of the MQTT side, written from the view of a robot: it sends on five topics and receives on two.
// docs/reference/protocol.md explains the rules; this document has the shapes.
import { stringify } from 'yaml';
import { VERSION } from '../../src/version.ts';
import { MAX_COMMAND_BYTES, MAX_INFLATED_BYTES, MAX_MESSAGE_BYTES, ROBOT_RIGHTS, type Topics, topicsOf } from '../../src/wire/index.ts';
import { type Json, reference, type SchemaName, schemas } from './schemas.ts';

type Topic = keyof Topics;

interface Message {
  readonly name: string;
  readonly summary: string;
  readonly payload: Json;
}

const EVENTS = [
  'Evicted',
  'OutboxClosed',
  'ClockSet',
  'Uploaded',
  'Problem',
  'LastWords',
  'Restarted',
  'CertificateNext',
] as const satisfies readonly SchemaName[];

const SUMMARIES: Readonly<Record<Topic, string>> = {
  telemetry: `Live state, new readings and all alerts, at most ${MAX_MESSAGE_BYTES} bytes.`,
  backlog: `Readings that waited for a connection. Plain JSON or zlib, at most ${MAX_INFLATED_BYTES} bytes when inflated.`,
  results: 'The result of one command.',
  events: 'One event about uploads, rows, the clock, problems or the program.',
  presence: 'Online or offline, outboxes and commands. Also the last will.',
  commands: `One command, at most ${MAX_COMMAND_BYTES} bytes.`,
  receipts: 'The rows of one outbox that the database has.',
};

/** The messages of each topic by their keys in components/messages. */
const MESSAGES: Readonly<Record<Topic, Readonly<Record<string, Message>>>> = {
  telemetry: { telemetry: readings('telemetry'), alert: readings('alert') },
  backlog: { backlog: readings('backlog') },
  results: { result: plain('result', 'Result', SUMMARIES.results) },
  events: Object.fromEntries(EVENTS.map((name) => [name.charAt(0).toLowerCase() + name.slice(1), event(name)])),
  presence: { presence: plain('presence', 'Presence', SUMMARIES.presence) },
  commands: { command: plain('command', 'Command', SUMMARIES.commands) },
  receipts: { receipt: plain('receipt', 'Receipt', SUMMARIES.receipts) },
};

const QOS1 = { mqtt: { qos: 1, retain: false, bindingVersion: '0.2.0' } };

/** The text of docs/reference/asyncapi.yaml. */
export function asyncApi(): string {
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'elderly-bot over MQTT',
      version: VERSION,
      description: 'Every MQTT message between robot and cloud. The rules are in protocol.md. Generated from src/wire: `npm run generate`.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      broker: {
        host: '{endpoint}:8883',
        protocol: 'secure-mqtt',
        protocolVersion: '5',
        description: 'AWS IoT Core or another broker. MQTT 3.1.1 if it refuses 5; port 443 with the ALPN protocol x-amzn-mqtt-ca.',
        variables: { endpoint: { description: 'AWS_IOT_ENDPOINT' } },
        security: [{ $ref: '#/components/securitySchemes/certificate' }],
      },
    },
    channels: Object.fromEntries(topicNames().map((topic) => [topic, channel(topic)])),
    operations: Object.fromEntries(topicNames().map((topic) => operation(topic))),
    components: {
      messages: Object.fromEntries(topicNames().flatMap((topic) => Object.entries(MESSAGES[topic]))),
      parameters: {
        prefix: { description: 'Topic prefix of the robot, 1 to 6 levels; one level of it may name the thing.', default: 'elderly_bot' },
      },
      schemas: schemas(),
      securitySchemes: { certificate: { type: 'X509', description: 'Mutual TLS 1.2 or newer.' } },
    },
  };
  return `# Generated from src/wire by scripts/protocol/: npm run generate\n${stringify(document, { lineWidth: 140 })}`;
}

function topicNames(): Topic[] {
  return Object.keys(MESSAGES) as Topic[];
}

function channel(topic: Topic): Json {
  return {
    address: topicsOf('{prefix}')[topic],
    description: SUMMARIES[topic],
    parameters: { prefix: { $ref: '#/components/parameters/prefix' } },
    messages: Object.fromEntries(Object.keys(MESSAGES[topic]).map((key) => [key, { $ref: `#/components/messages/${key}` }])),
  };
}

function operation(topic: Topic): [string, Json] {
  const isSent = (ROBOT_RIGHTS.publish as readonly Topic[]).includes(topic);
  return [
    `${isSent ? 'send' : 'receive'}${topic.charAt(0).toUpperCase()}${topic.slice(1)}`,
    { action: isSent ? 'send' : 'receive', channel: { $ref: `#/channels/${topic}` }, summary: SUMMARIES[topic], bindings: QOS1 },
  ];
}

function readings(kind: 'telemetry' | 'alert' | 'backlog'): Message {
  const summary = {
    telemetry: 'Live state and new readings.',
    alert: 'Readings that raise or clear an alert, with the live state.',
    backlog: 'Older readings, without live state.',
  }[kind];
  return { name: kind, summary, payload: { allOf: [{ $ref: reference('Telemetry') }, { properties: { kind: { const: kind } } }] } };
}

function event(schema: (typeof EVENTS)[number]): Message {
  const { description, properties } = schemas()[schema] as { description: string; properties: { kind: { const: string } } };
  const payload = { allOf: [{ $ref: reference('EventEnvelope') }, { $ref: reference(schema) }] };
  return { name: properties.kind.const, summary: description, payload };
}

function plain(name: string, schema: SchemaName, summary: string): Message {
  return { name, summary, payload: { $ref: reference(schema) } };
}
