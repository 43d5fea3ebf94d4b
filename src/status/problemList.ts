// Everything that is known to go wrong, in one list: a stable code, what it means, and what to do about it.

export type Severity = 'info' | 'warning' | 'error' | 'critical';

export interface ProblemEntry {
  readonly severity: Severity;
  readonly title: string;
  readonly remedy: string;
  /** Mere consequences: neither said nor shown while this stands. */
  readonly hides?: readonly string[];
  /** Said and shown once it has stood for so long, in milliseconds: what mends itself sooner is nobody's concern. */
  readonly shownAfterMs?: number;
}

export const PROBLEMS = {
  broker_name_unknown: {
    severity: 'error',
    title: "The broker's name can't be resolved",
    remedy: 'check mqtt.endpoint, the network, and the name server in /etc/resolv.conf',
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
    remedy: 'check the network and whether a firewall lets port 8883 out',
    hides: ['uploads_failing'],
  },
  broker_hung_up: {
    severity: 'error',
    title: 'The broker closed the connection without a word',
    remedy: 'look at the broker’s log; IoT Core does this when the certificate is inactive or its policy forbids the connect',
  },
  broker_untrusted: {
    severity: 'error',
    title: 'The broker’s certificate is not signed by the configured root CA',
    remedy: 'set mqtt.root_ca to the CA of this broker (for AWS: Amazon Root CA 1), or mqtt.endpoint to the right broker',
  },
  broker_name_mismatch: {
    severity: 'error',
    title: 'The broker’s certificate is for another name',
    remedy: 'use a host name in mqtt.endpoint that is in the broker’s certificate',
  },
  broker_certificate_expired: {
    severity: 'error',
    title: 'The broker’s certificate is out of date',
    remedy: 'renew the broker’s certificate',
  },
  certificate_refused: {
    severity: 'error',
    title: 'The broker refused this robot’s certificate',
    remedy: 'use the certificate registered for this thing; in AWS IoT it has to be active and attached to the thing',
  },
  certificate_expired: {
    severity: 'error',
    title: 'This robot’s certificate has expired',
    remedy: 'get a new one: elderly-bot certs provision, or certs init and import (docs/certificates.md)',
    hides: ['certificate_expires', 'certificate_expires_soon'],
  },
  certificate_expires: {
    severity: 'warning',
    title: 'This robot’s certificate ends within 30 days',
    remedy: 'renew it: elderly-bot certs rotate, or certs init and import (docs/certificates.md)',
  },
  certificate_expires_soon: {
    severity: 'error',
    title: 'This robot’s certificate ends within 7 days, or has ended',
    remedy: 'renew it now: elderly-bot certs rotate, or certs init and import (docs/certificates.md)',
  },
  rotation_failed: {
    severity: 'warning',
    title: 'A new certificate did not work, or did not come; the old one is used',
    remedy: 'nothing at first: it is tried again in six hours; else elderly-bot certs rotate, and what it says',
  },
  clock_wrong: {
    severity: 'error',
    title: 'The clock is wrong, so no certificate can be checked',
    remedy: 'let the clock synchronise (timedatectl); the certificates are probably fine',
    hides: ['clock_differs', 'clock_stepped', 'uploads_failing'],
  },
  not_authorized: {
    severity: 'error',
    title: 'The broker does not allow this robot to connect',
    remedy: 'attach the IoT policy that allows iot:Connect for this thing name to its certificate',
  },
  client_id_refused: {
    severity: 'error',
    title: 'The broker refused the client id',
    remedy: 'use the thing name of the certificate as `thing`',
  },
  client_id_taken: {
    severity: 'error',
    title: 'Another client uses this robot’s name',
    remedy:
      'find the second agent (a cloned card?), or the bench tool, that connects with this thing name, and stop it; each robot needs a name and a certificate of its own',
    hides: ['mqtt_ended'],
  },
  mqtt_ended: {
    severity: 'warning',
    title: 'The connection to the broker ended',
    remedy: 'nothing: it is made again by itself',
    shownAfterMs: 5_000,
  },
  message_refused: {
    severity: 'error',
    title: 'The broker refused a message for good',
    remedy: 'allow this robot’s topics in its policy; the rows were declared as evicted',
  },
  receipt_invalid: {
    severity: 'error',
    title: 'A receipt came that cannot be true',
    remedy: 'find out who else may publish to this robot’s receipts topic',
  },
  channel_off: {
    severity: 'error',
    title: 'A channel can’t be subscribed, so what it is for is not sensed',
    remedy: 'mend its entry in the configuration, or install the message package it names; all other channels run',
  },
  channel_type_mismatch: {
    severity: 'error',
    title: 'A topic carries another message type than its channel expects',
    remedy: 'set the channel’s type to what `ros2 topic info` says, or to auto',
  },
  channel_qos_incompatible: {
    severity: 'error',
    title: 'A publisher offers less than the channel’s quality of service asks for, so nothing of it arrives',
    remedy: 'set the channel’s qos to auto, or to what the publisher offers',
  },
  nothing_published: {
    severity: 'critical',
    title: 'Nobody publishes on the topic of any channel, so nothing is sensed',
    remedy: 'start the robot’s ROS nodes; if they run, elderly-bot doctor finds out why they are not found here',
    shownAfterMs: 300_000,
  },
  sensor_silent: {
    severity: 'critical',
    title: 'A sensor has been silent for longer than its max_silence: that nothing is reported does not mean that nothing happens',
    remedy: 'look at the sensor, its cable and its ROS node; where `ros2 topic echo` hears it and the agent does not, start that node anew',
  },
  channel_unreadable: {
    severity: 'error',
    title: 'A channel’s messages can’t be read',
    remedy: 'check type and field of the channel against what `ros2 topic info` says',
  },
  camera_off: {
    severity: 'error',
    title: 'A camera can’t be subscribed, or its pictures can’t be made, so nobody sees what happens',
    remedy: 'mend its entry in the configuration, or let its topic carry sensor_msgs/CompressedImage or sensor_msgs/Image; all else runs',
  },
  camera_unreadable: {
    severity: 'error',
    title: 'A camera’s pictures can’t be read',
    remedy: 'mend what its driver publishes: encoding, width, height, step and data have to fit together',
  },
  camera_silent: {
    severity: 'error',
    title: 'A camera publishes nothing, so nobody would see what happens',
    remedy: 'look at the camera, its cable and its ROS node',
  },
  privacy_unknown: {
    severity: 'warning',
    title: 'Nobody has said whether there is privacy, so there is: only what privacy_allows names is pictured',
    remedy: 'let the node that publishes on privacy_topic run, as std_msgs/Bool, latched',
  },
  pictures_missing: {
    severity: 'error',
    title: 'A picture that was asked for, by an alert or a person, could not be taken or kept',
    remedy: 'look at the camera and its ROS node, and at the space on the disk of state_dir',
  },
  uploads_failing: {
    severity: 'warning',
    title: 'Pictures, logs and backups can’t be uploaded',
    remedy:
      'nothing, while the network is down: it is tried for days; else check uploads.api, and that the cloud knows this robot’s certificate',
  },
  upload_refused: {
    severity: 'error',
    title: 'The cloud will never take a file, so it was given up',
    remedy: 'compare the versions of robot and cloud',
  },
  uploads_dropped: {
    severity: 'warning',
    title: 'Files that waited for their upload were given up',
    remedy: 'free the way to the cloud, or raise uploads.max_size and uploads.max_age',
  },
  logs_unwritable: {
    severity: 'warning',
    title: 'Log lines can’t be written to their file; standard output has them',
    remedy: 'free space on the disk of state_dir, or repair it',
  },
  clock_differs: {
    severity: 'warning',
    title: 'The robot’s clock and the cloud’s differ; uploads go by the cloud’s',
    remedy: 'let the clock synchronise (timedatectl)',
  },
  clock_stepped: {
    severity: 'warning',
    title: 'The robot’s clock was set while the agent ran, and nobody could say yet whether rightly',
    remedy: 'see timedatectl; where the time service did it, nothing: readings carry the running time too',
  },
  reload_refused: {
    severity: 'error',
    title: 'The configuration was to be read again and is wrong, so the agent goes on with the one before',
    remedy:
      'mend that line (elderly-bot config check says the same), then elderly-bot reload; a restart before that refuses it, or leaves out what is wrong',
  },
  guard_missing: {
    severity: 'error',
    title: 'The guard is not there, so the robot takes no command that moves it',
    remedy: 'start elderly-bot-guard.service, or `elderly-bot guard` with the same configuration',
    shownAfterMs: 3_000,
  },
  ended_unasked: {
    severity: 'warning',
    title: 'The last run of the agent ended without being asked to: a crash, a hang, no memory, or no power',
    remedy:
      'nothing, if it was the power; else look at what came before it in the log (journalctl -u elderly-bot). It is over after 10 minutes',
  },
  outbox_damaged: {
    severity: 'error',
    title: 'The outbox file was damaged, gone, or not ours',
    remedy:
      'nothing for the readings: what could be read was kept, the cloud was told of the rest, and the old file lies beside the new one; check the disk',
  },
  disk_low: {
    severity: 'error',
    title: 'The disk is nearly full, so soon nothing can be kept',
    remedy: 'free space on the disk of state_dir (df -h, df -i, journalctl --vacuum-size=50M)',
  },
  outbox_unwritable: {
    severity: 'critical',
    title: 'Readings can’t be written to disk',
    remedy: 'free space on the disk of state_dir, or repair it; readings are kept in memory meanwhile',
    hides: ['logs_unwritable'],
  },
} as const satisfies Record<string, ProblemEntry>;

export type ProblemCode = keyof typeof PROBLEMS;
