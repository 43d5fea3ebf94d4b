// Lists all problems that the agent can raise, each with a stable code, its meaning and its remedy. docs/reference/problems.md has the same
// texts; a test compares the two.

export type Severity = 'info' | 'warning' | 'error' | 'critical';

export interface ProblemEntry {
  readonly severity: Severity;
  readonly title: string;
  readonly remedy: string;
  /** Codes of this problem's consequences. While this problem is raised, they are neither reported nor shown. */
  readonly hides?: readonly string[];
  /** How long the problem must last before it is reported and shown, in milliseconds. If it is shorter, no one needs to know. */
  readonly shownAfterMs?: number;
}

export const PROBLEMS = {
  broker_name_unknown: {
    severity: 'error',
    title: 'The broker’s host name does not exist',
    remedy: 'correct the host name in mqtt.endpoint, or the entry of the name server that the robot asks (getent hosts HOST)',
    hides: ['uploads_failing'],
  },
  name_servers_silent: {
    severity: 'error',
    title: 'No name server resolves the broker’s host name',
    remedy:
      'check the network, and the name servers that the text lists (resolvectl status); without one let DHCP or NetworkManager set it',
    hides: ['uploads_failing'],
  },
  broker_refused_connection: {
    severity: 'error',
    title: 'Nothing listens at the broker’s address',
    remedy: 'check host and port of mqtt.endpoint, and that the broker runs',
  },
  broker_unreachable: {
    severity: 'error',
    title: 'The broker does not answer',
    remedy: 'check the network, and that no firewall blocks port 8883',
    hides: ['uploads_failing'],
  },
  broker_silent: {
    severity: 'error',
    title: 'The broker accepts the connection, but does not answer',
    remedy: 'look at the broker’s log and load; if it hangs, restart it',
    hides: ['mqtt_ended'],
  },
  broker_handshake_stalled: {
    severity: 'error',
    title: 'The broker’s port is open, but the TLS handshake does not end',
    remedy:
      'look at the broker’s load and log; if small packets pass and large ones do not (ping -M do -s 1400 HOST), lower the MTU: ip link set INTERFACE mtu 1280',
    hides: ['uploads_failing'],
  },
  broker_answers_http: {
    severity: 'error',
    title: 'A web server answers instead of the broker',
    remedy:
      'log in if this network has a login page (hotel or guest Wi-Fi); let a proxy or firewall pass the port to the broker; else check host and port of mqtt.endpoint',
    hides: ['uploads_failing'],
  },
  broker_without_tls: {
    severity: 'error',
    title: 'The broker’s port speaks MQTT without TLS',
    remedy: 'set mqtt.endpoint to the port with TLS, usually 8883, or set cafile, certfile and keyfile for this listener in mosquitto.conf',
  },
  broker_other_service: {
    severity: 'error',
    title: 'Another service than MQTT answers at the broker’s port',
    remedy: 'check host and port of mqtt.endpoint',
  },
  broker_tls_mismatch: {
    severity: 'error',
    title: 'The broker and this robot cannot agree on TLS',
    remedy:
      'let the broker use TLS 1.2 or 1.3 with its usual ciphers: update it, or remove its limits for TLS (Mosquitto: tls_version and ciphers)',
  },
  broker_packet_limit: {
    severity: 'error',
    title: 'The broker’s limit for packets is too small for this robot’s messages',
    remedy: 'raise the limit to 128 KiB, as in IoT Core (Mosquitto: max_packet_size and message_size_limit)',
  },
  broker_hung_up: {
    severity: 'error',
    title: 'The broker closed the connection without a reason',
    remedy: 'look at the broker’s log; IoT Core closes the connection if the certificate is inactive or its policy forbids the connect',
  },
  broker_unavailable: {
    severity: 'error',
    title: 'The broker answers, but accepts no connection now',
    remedy: 'look at the broker’s load and log; the text has its reason',
  },
  broker_quota: {
    severity: 'error',
    title: 'The broker refuses the connection because of a quota',
    remedy: 'raise the broker’s quota (IoT Core: Service Quotas, connect requests per second), or find out which client uses it up',
  },
  broker_refuses: {
    severity: 'error',
    title: 'The broker refuses the connection for the reason in the text',
    remedy: 'look up the reason code in the broker’s documentation and log',
  },
  broker_untrusted: {
    severity: 'error',
    title: 'The broker’s certificate is not signed by the configured root CA',
    remedy: 'set mqtt.root_ca to the CA of this broker (for AWS: Amazon Root CA 1), or mqtt.endpoint to the right broker',
  },
  broker_intercepted: {
    severity: 'error',
    title: 'Another server answers in place of AWS IoT Core, or opens the encryption on the way',
    remedy:
      'exclude the endpoint from the TLS inspection of the firewall or proxy that the text names as the issuer; else check which address the name has (getent hosts HOST)',
  },
  broker_name_mismatch: {
    severity: 'error',
    title: 'The broker’s certificate is for another name',
    remedy: 'set mqtt.endpoint to a host name that is in the broker’s certificate',
  },
  broker_certificate_expired: {
    severity: 'error',
    title: 'The broker’s certificate has expired',
    remedy: 'renew the broker’s certificate',
  },
  certificate_refused: {
    severity: 'error',
    title: 'The broker refused this robot’s certificate',
    remedy: 'use the certificate that is registered for this thing; in AWS IoT it has to be active and attached to the thing',
  },
  certificate_expired: {
    severity: 'error',
    title: 'This robot’s certificate has expired',
    remedy: 'get a new certificate: elderly-bot certs provision, or certs init and import (docs/guide/certificates.md)',
    hides: ['certificate_expires', 'certificate_expires_soon'],
  },
  certificate_expires: {
    severity: 'warning',
    title: 'This robot’s certificate expires within 30 days',
    remedy: 'renew the certificate: elderly-bot certs rotate, or certs init and import (docs/guide/certificates.md)',
  },
  certificate_expires_soon: {
    severity: 'error',
    title: 'This robot’s certificate expires within 7 days, or has expired',
    remedy: 'renew the certificate now: elderly-bot certs rotate, or certs init and import (docs/guide/certificates.md)',
  },
  certificate_unusable: {
    severity: 'error',
    title: 'The certificate, its key or the root CA changed on disk, and cannot be used; the agent uses the previous ones',
    remedy: 'correct the file that the text names, the agent then takes it by itself; until then a restart would find only the bad files',
    shownAfterMs: 10_000,
  },
  rotation_failed: {
    severity: 'warning',
    title: 'A new certificate did not work or did not arrive; the agent uses the old one',
    remedy: 'wait for the next attempt in six hours, or run elderly-bot certs rotate, which shows the reason',
  },
  clock_wrong: {
    severity: 'error',
    title: 'The clock is wrong, so no certificate can be checked',
    remedy: 'let the clock synchronise (timedatectl); the certificates are probably valid',
    hides: ['clock_untrusted', 'clock_differs', 'clock_stepped', 'uploads_failing'],
  },
  not_authorized: {
    severity: 'error',
    title: 'The broker does not allow this robot to connect',
    remedy: 'attach the IoT policy that allows iot:Connect for this thing name to the certificate',
  },
  client_id_refused: {
    severity: 'error',
    title: 'The broker refused the client id',
    remedy: 'set `thing` to the thing name of the certificate',
  },
  client_id_taken: {
    severity: 'error',
    title: 'Another client uses this robot’s name',
    remedy:
      'find the second agent (a cloned card?) or bench tool that connects with this thing name, and stop it; each robot needs its own name and certificate',
    hides: ['mqtt_ended'],
  },
  idle_connections_cut: {
    severity: 'warning',
    title: 'Something between the robot and the broker closes idle connections',
    remedy:
      'raise the idle timeout of the proxy, load balancer, firewall or router in between, or set mqtt.keepalive below the time in the text',
    hides: ['mqtt_ended'],
  },
  connection_time_limit: {
    severity: 'warning',
    title: 'Each connection to the broker ends after the same time',
    remedy:
      'raise the time limit of connections in the broker, proxy or load balancer; without such a limit, look for a second client with this robot’s name',
    hides: ['mqtt_ended'],
  },
  broker_restarts: {
    severity: 'error',
    title: 'The broker goes away again and again',
    remedy: 'look at the broker’s log, and at the log of what starts it, for the reason of its last end',
    hides: ['mqtt_ended'],
  },
  mqtt_ended: {
    severity: 'warning',
    title: 'The connection to the broker ended',
    remedy: 'nothing; the agent reconnects by itself',
    shownAfterMs: 5_000,
  },
  publish_refused: {
    severity: 'critical',
    title: 'The broker refuses this robot’s messages on a topic, so their rows wait on the robot',
    remedy: 'do what the text says; no row is lost, and the agent sends them as soon as the broker accepts them',
    shownAfterMs: 5_000,
  },
  subscribe_refused: {
    severity: 'critical',
    title: 'The broker does not let this robot subscribe to a topic, so its messages do not arrive',
    remedy: 'grant the right that the text names; alerts and all other rows are sent meanwhile, and the agent tries again by itself',
    shownAfterMs: 5_000,
  },
  message_refused: {
    severity: 'error',
    title: 'The broker refused the content of a row for good',
    remedy: 'report the text with the row: elderly-bot outbox ls shows its neighbours; the row was evicted, and an event names it',
  },
  receipt_invalid: {
    severity: 'error',
    title: 'A receipt confirms rows that were never sent',
    remedy: 'find out who else may publish on this robot’s receipts topic',
  },
  channel_off: {
    severity: 'error',
    title: 'A channel cannot be subscribed, so its topic is not sensed',
    remedy: 'correct the entry in the configuration, or install the message package that the text names',
  },
  channel_type_mismatch: {
    severity: 'error',
    title: 'A topic carries another message type than its channel expects',
    remedy: 'set the channel’s type to the type that `elderly-bot topics show TOPIC` shows, or to auto',
  },
  channel_qos_incompatible: {
    severity: 'error',
    title: 'A publisher’s quality of service is incompatible with the channel’s, so none of its messages arrive',
    remedy: 'set the channel’s qos to auto, or to the publisher’s',
  },
  channel_definition_differs: {
    severity: 'error',
    title: 'A publisher was built with another definition of the message type, so its values may be wrong or unreadable',
    remedy: 'install the same version of the message package for the publisher and for the agent, or build both from one workspace',
  },
  channel_keeps_nothing: {
    severity: 'warning',
    title: 'Durability transient_local has no effect without reliability, so a message sent before the agent started is lost',
    remedy: 'make the publisher and, if the channel sets qos, the channel reliable; qos: auto and qos: latched are',
  },
  nothing_published: {
    severity: 'critical',
    title: 'No channel’s topic has a publisher, so nothing is sensed',
    remedy: 'start the robot’s ROS nodes; if they run, elderly-bot doctor shows why the agent does not discover them',
    shownAfterMs: 300_000,
  },
  sensor_silent: {
    severity: 'critical',
    title: 'A sensor has been silent for longer than its max_silence, so an event may go unnoticed',
    remedy:
      'check the sensor, its cable and its ROS node; if `elderly-bot topics echo TOPIC` receives messages and the agent does not, restart that node',
  },
  channel_unusable: {
    severity: 'warning',
    title: 'No message of a channel can be used, so the channel has no readings and cannot raise its alert',
    remedy: 'change the channel’s entry as the text suggests, then: elderly-bot reload; without a suggestion check the sensor and its node',
  },
  channel_unreadable: {
    severity: 'error',
    title: 'A channel’s messages cannot be read',
    remedy: 'compare type and field of the channel with the output of `elderly-bot topics show TOPIC`',
  },
  camera_off: {
    severity: 'error',
    title: 'A camera cannot be subscribed or its pictures cannot be made, so an incident has no pictures',
    remedy: 'correct the entry, or use a topic with sensor_msgs/CompressedImage or sensor_msgs/Image, such as the one that the text names',
  },
  camera_unreadable: {
    severity: 'error',
    title: 'A camera’s images cannot be read',
    remedy:
      'use the topic that the text names; without one correct the camera driver: encoding, width, height, step and data have to fit together',
  },
  camera_silent: {
    severity: 'error',
    title: 'A camera publishes nothing, so an incident would have no pictures',
    remedy: 'check the camera, its cable and its ROS node',
  },
  privacy_unknown: {
    severity: 'warning',
    title: 'No node has published the privacy state, so the agent assumes privacy: it takes pictures only of the alerts in privacy_allows',
    remedy: 'start the node that publishes on privacy_topic, as a latched std_msgs/Bool',
  },
  pictures_missing: {
    severity: 'error',
    title: 'A picture for an alert or a command could not be taken or stored',
    remedy: 'check the camera and its ROS node, and the free space on the disk of state_dir',
  },
  uploads_failing: {
    severity: 'warning',
    title: 'Pictures, logs and backups cannot be uploaded',
    remedy:
      'nothing while the network is down, the agent retries for days; else check uploads.api, and that the cloud knows this robot’s certificate',
  },
  upload_refused: {
    severity: 'error',
    title: 'The cloud refused a file for good, so the agent dropped it',
    remedy: 'compare the versions of the robot and the cloud',
  },
  uploads_dropped: {
    severity: 'warning',
    title: 'Files that waited for their upload were dropped',
    remedy: 'make the connection to the cloud faster, or raise uploads.max_size and uploads.max_age',
  },
  logs_unwritable: {
    severity: 'warning',
    title: 'Log lines cannot be written to their file; standard output has them',
    remedy: 'free space on the disk of state_dir, or repair the disk',
  },
  clock_untrusted: {
    severity: 'error',
    title: 'The clock cannot be trusted, so the agent refuses commands that move the robot; alerts are sent, marked with an untrusted time',
    remedy:
      'sudo timedatectl set-ntp true; if that is on already, find out why no time server answers (UDP port 123): `timedatectl timesync-status` or `chronyc sources`',
    shownAfterMs: 30_000,
  },
  clock_differs: {
    severity: 'warning',
    title: 'The robot’s clock differs from the cloud’s; uploads use the cloud’s time',
    remedy: 'let the clock synchronise (timedatectl)',
  },
  clock_stepped: {
    severity: 'warning',
    title: 'The robot’s clock was set while the agent ran, and the cloud has not confirmed the new time',
    remedy: 'look at timedatectl; nothing if the time service set the clock, readings also carry the running time',
  },
  reload_refused: {
    severity: 'error',
    title: 'The configuration is invalid, so the agent did not reload it and uses the previous one',
    remedy:
      'correct the line that the text names (elderly-bot config check shows it too), then run elderly-bot reload; a restart before that fails or leaves the invalid entries out',
  },
  guard_missing: {
    severity: 'error',
    title: 'The guard does not answer, so the robot refuses commands that move it',
    remedy: 'start elderly-bot-guard.service, or `elderly-bot guard` with the same configuration',
    shownAfterMs: 3_000,
  },
  reflex_fired: {
    severity: 'critical',
    title: 'The cloud did not confirm an alert in time, so the agent called for help at the robot',
    remedy: 'call or visit the person now; then find out why the cloud did not answer: the other problems, elderly-bot doctor',
  },
  reflex_off: {
    severity: 'critical',
    title: 'The reflex cannot publish, so an alert that the cloud does not confirm stays unnoticed',
    remedy: 'correct the entry reflex as the text says, then run elderly-bot reload',
  },
  reflex_unheard: {
    severity: 'error',
    title: 'No node subscribes to a topic of the reflex, so its message would not be heard',
    remedy: 'start the node that speaks or sounds the siren, or correct the topic; elderly-bot topics show TOPIC lists its subscriptions',
    shownAfterMs: 60_000,
  },
  ended_unasked: {
    severity: 'warning',
    title: 'The last run of the agent ended unexpectedly: a crash, a hang, no memory, or no power',
    remedy: 'nothing after a power cut; else read the log before that time (journalctl -u elderly-bot)',
  },
  outbox_damaged: {
    severity: 'error',
    title: 'The outbox file was damaged, missing, or not an outbox',
    remedy: 'check the disk; the agent kept all readable rows, declared the others to the cloud, and moved the old file beside the new one',
  },
  disk_low: {
    severity: 'error',
    title: 'The disk is nearly full, so the agent will soon be unable to write',
    remedy: 'free space on the disk of state_dir (df -h, df -i, journalctl --vacuum-size=50M)',
  },
  outbox_unwritable: {
    severity: 'critical',
    title: 'Readings cannot be written to disk; the agent keeps them in memory',
    remedy: 'free space on the disk of state_dir, or repair the disk',
    hides: ['logs_unwritable'],
  },
} as const satisfies Record<string, ProblemEntry>;

export type ProblemCode = keyof typeof PROBLEMS;
