// Every check there is, in the order in which its finding is told, and what can explain it: causes come before their consequences.

export interface CatalogueEntry {
  readonly title: string;
  /** Checks whose error may be the reason for this one's. */
  readonly because: readonly string[];
}

export const CHECKS = {
  node: { title: 'Node.js and the program', because: [] },
  configuration: { title: 'Configuration', because: [] },
  clock: { title: 'Clock', because: [] },
  clock_skew: { title: 'Clock against the cloud’s', because: ['clock', 'configuration', 'cloud_api'] },
  state_dir: { title: 'State directory', because: ['configuration'] },
  disk_space: { title: 'Space on disk', because: ['state_dir', 'configuration'] },
  disk_latency: { title: 'How long the disk takes to keep something', because: ['state_dir', 'disk_space', 'configuration'] },
  disk_wear: { title: 'Wear of the disk', because: ['state_dir', 'configuration'] },
  outbox_file: { title: 'Outbox file', because: ['state_dir', 'disk_space', 'configuration'] },
  ros: { title: 'ROS 2', because: ['node', 'configuration'] },
  message_types: { title: 'Message types', because: ['ros', 'configuration'] },
  graph: { title: 'ROS 2 graph', because: ['ros', 'configuration'] },
  channel: { title: 'Channel', because: ['message_types', 'graph', 'ros', 'configuration'] },
  guard: { title: 'Guard', because: ['agent', 'state_dir', 'configuration'] },
  key: { title: 'Private key', because: ['configuration'] },
  certificate: { title: 'Certificate', because: ['clock', 'configuration'] },
  network: { title: 'Network', because: [] },
  dns: { title: 'The broker’s name', because: ['network', 'configuration'] },
  tcp: { title: 'Way to the broker', because: ['dns', 'network', 'configuration'] },
  broker_certificate: { title: 'The broker’s certificate', because: ['tcp', 'certificate', 'configuration'] },
  certificate_accepted: {
    title: 'What the broker says of this robot’s certificate',
    because: ['tcp', 'key', 'certificate', 'configuration'],
  },
  mqtt: {
    title: 'MQTT connection',
    because: ['broker_certificate', 'certificate_accepted', 'tcp', 'key', 'certificate', 'configuration'],
  },
  subscribe_rights: { title: 'Rights to subscribe', because: ['mqtt', 'configuration'] },
  publish_rights: { title: 'Rights to publish', because: ['mqtt', 'configuration'] },
  receipts: { title: 'Receipts from the cloud', because: ['mqtt', 'subscribe_rights', 'publish_rights', 'configuration'] },
  outbox_backlog: {
    title: 'What waits in the outbox',
    because: ['outbox_file', 'mqtt', 'publish_rights', 'receipts', 'agent', 'configuration'],
  },
  cloud_api: { title: 'Cloud API', because: ['network', 'configuration'] },
  uploads: { title: 'Upload of a small file', because: ['cloud_api', 'key', 'certificate', 'configuration'] },
  service: { title: 'System service', because: ['configuration'] },
  agent: {
    title: 'Running agent',
    because: ['node', 'configuration', 'state_dir', 'disk_space', 'outbox_file', 'ros', 'key', 'certificate', 'service'],
  },
  problem: { title: 'What the agent complains of', because: [] },
  versions: { title: 'Versions', because: ['agent'] },
} as const satisfies Record<string, CatalogueEntry>;

export type CheckCode = keyof typeof CHECKS;
