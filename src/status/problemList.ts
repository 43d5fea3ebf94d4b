// Lists all problems that the agent can raise, each with a stable code, its meaning and its remedy. docs/reference/problems.md has the same
// texts; a test compares the two.
import { LINK_PROBLEMS } from './linkProblemList.ts';
import type { ProblemEntry } from './problemEntry.ts';

export const PROBLEMS = {
  ...LINK_PROBLEMS,
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
  channel_flapping: {
    severity: 'error',
    title: 'A channel raises and clears its alert over and over, so the alert stays raised and the cloud gets a summary a minute',
    remedy: 'check the sensor, or change the channel’s entry as the text says, then: elderly-bot reload',
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
  no_family_key: {
    severity: 'warning',
    title: 'No family key is paired, so the robot refuses every command that must be signed',
    remedy: 'pair a phone at the robot: elderly-bot pair add --help',
  },
  family_keys_damaged: {
    severity: 'error',
    title: 'The file of the family keys cannot be used, so the robot refuses every signed command',
    remedy: 'correct what the text names, or move the file away and pair the phones again: elderly-bot pair add --help',
  },
  guard_missing: {
    severity: 'error',
    title: 'The guard does not answer, so the robot refuses commands that move it',
    remedy: 'start elderly-bot-guard.service, or `elderly-bot guard` with the same configuration',
    shownAfterMs: 3_000,
  },
  commands_flooded: {
    severity: 'error',
    title: 'More commands arrive than the robot can remember or answer, so it refuses them; it still publishes every stop',
    remedy: 'find out who sends them: elderly-bot commands log; restrict who may publish on the topic for commands at the broker',
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
  storage_failed: {
    severity: 'error',
    title:
      'The state directory cannot be written, so the agent keeps everything in memory: alerts still leave, marked as volatile; rows that have not left are lost in a power cut or when the service stops, and commands other than stop are refused',
    remedy:
      'look at dmesg, mount and df; repair or replace the disk, or mount it read-write. The agent goes back to it by itself; a restart does so at once',
  },
  outbox_unwritable: {
    severity: 'critical',
    title: 'Readings cannot be written to disk; the agent keeps them in memory',
    remedy: 'free space on the disk of state_dir, or repair the disk',
    hides: ['logs_unwritable'],
  },
} as const satisfies Record<string, ProblemEntry>;

export type ProblemCode = keyof typeof PROBLEMS;
