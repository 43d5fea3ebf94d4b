// Lists all checks in report order, which roughly goes from causes to consequences.

interface CatalogueEntry {
  readonly title: string;
  /** Checks whose errors can explain a finding of this check, which is then listed as a consequence. */
  readonly because: readonly string[];
}

export const CHECKS = {
  node: { title: 'Node.js and the program', because: [] },
  configuration: { title: 'Configuration', because: [] },
  clock: { title: 'Clock', because: [] },
  clock_skew: { title: 'Difference from the cloud’s clock', because: ['clock', 'configuration', 'cloud_api'] },
  state_dir: { title: 'State directory', because: ['configuration'] },
  disk_space: { title: 'Free disk space', because: ['state_dir', 'configuration'] },
  disk_latency: { title: 'Latency of synced writes', because: ['state_dir', 'disk_space', 'configuration'] },
  disk_wear: { title: 'Disk wear', because: ['state_dir', 'configuration'] },
  outbox_file: { title: 'Outbox file', because: ['state_dir', 'disk_space', 'configuration'] },
  ros: { title: 'ROS 2', because: ['node', 'configuration'] },
  message_types: { title: 'Message types', because: ['ros', 'configuration'] },
  discovery_server: { title: 'Discovery server', because: ['ros', 'configuration'] },
  graph: { title: 'ROS 2 graph', because: ['discovery_server', 'ros', 'configuration'] },
  ros_network: { title: 'ROS 2 and the network', because: ['ros', 'configuration'] },
  channel: { title: 'Channel', because: ['graph', 'discovery_server', 'ros', 'configuration'] },
  camera: { title: 'Camera', because: ['graph', 'discovery_server', 'ros', 'configuration'] },
  guard: { title: 'Guard', because: ['agent', 'state_dir', 'configuration'] },
  family_keys: { title: 'Family keys', because: ['state_dir', 'configuration'] },
  key: { title: 'Private key', because: ['configuration'] },
  certificate: { title: 'Certificate', because: ['clock', 'configuration'] },
  network: { title: 'Network', because: [] },
  dns: { title: 'Host name of the broker', because: ['network', 'configuration'] },
  tcp: { title: 'TCP connection to the broker', because: ['dns', 'network', 'configuration'] },
  uplink: { title: 'Network interface', because: ['network', 'dns', 'tcp', 'broker_certificate', 'configuration'] },
  broker_certificate: { title: 'Certificate of the broker', because: ['tcp', 'certificate', 'configuration'] },
  certificate_accepted: {
    title: 'This robot’s certificate at the broker',
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
    title: 'Rows that wait in the outbox',
    because: ['outbox_file', 'mqtt', 'publish_rights', 'receipts', 'agent', 'configuration'],
  },
  cloud_api: { title: 'Cloud API', because: ['network', 'configuration'] },
  uploads: { title: 'Upload of a small file', because: ['cloud_api', 'key', 'certificate', 'configuration'] },
  service: { title: 'System service', because: ['configuration'] },
  agent: {
    title: 'Running agent',
    because: ['node', 'configuration', 'state_dir', 'disk_space', 'outbox_file', 'ros', 'key', 'certificate', 'service'],
  },
  problem: { title: 'Problem of the running agent', because: [] },
  versions: { title: 'Versions', because: ['agent'] },
} as const satisfies Record<string, CatalogueEntry>;

export type CheckCode = keyof typeof CHECKS;
