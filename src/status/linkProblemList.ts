// Lists the problems between the robot and its broker: the way, the certificates, the rights, and the messages.
import type { ProblemEntry } from './problemEntry.ts';

export const LINK_PROBLEMS = {
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
  certificate_missing: {
    severity: 'error',
    title: 'The agent has no usable certificate, so it senses, but sends nothing',
    remedy:
      'correct the files that certificate_unusable names, or run elderly-bot doctor; the agent takes them by itself and keeps all rows',
  },
  certificate_unusable: {
    severity: 'error',
    title: 'The certificate, its key or the root CA on disk cannot be used',
    remedy:
      'correct the file that the text names, the agent then takes it by itself; a connection that works continues until the next start',
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
  receipt_doubtful: {
    severity: 'error',
    title: 'A receipt confirms alerts that the broker never acknowledged, so the agent keeps them and sends them again',
    remedy: 'nothing if it ends by itself, the acknowledgement was lost; else find out who else may publish on this robot’s receipts topic',
    shownAfterMs: 60_000,
  },
} as const satisfies Record<string, ProblemEntry>;
