// Configures the robot under test with every kind of command.
import { parse } from 'yaml';
import { configSchema } from '../../src/config/index.ts';

export const THING = 'bot';

export const COMMANDS = configSchema.shape.commands.parse(
  parse(`
stop:
  topic: /cmd_vel
  type: geometry_msgs/msg/Twist
  message: { linear: { x: 0 }, angular: { z: 0 } }
  also: [{ topic: /motion_cancel, type: std_msgs/msg/Bool, message: { data: true } }]
  legacy: true
buzzer:
  topic: /buzzer_command
  type: std_msgs/msg/Bool
  message: { data: $value }
  args: { value: { type: boolean } }
  rate: 60
  queue_offline: true
speak:
  topic: /speak
  type: std_msgs/msg/String
  message: { data: $value }
  args: { value: { type: string, max_length: 20 } }
  rate: 20
  legacy: true
dim:
  topic: /dim
  type: std_msgs/msg/Float64
  message: { data: $level }
  args: { level: { type: number, min: 0, max: 1 }, steps: { type: integer, min: 1, max: 10, required: false } }
  ttl: 10s
  rate: 600
  signed: required
mode:
  topic: /mode
  type: std_msgs/msg/String
  message: { data: $value }
  args: { value: { type: string, pattern: '[a-z]{1,8}' } }
  confirm: { topic: /mode_state, equals: $value, within: 100ms }
  queue_offline: true
drive:
  topic: /cmd_vel
  type: geometry_msgs/msg/Twist
  message: { linear: { x: $linear }, angular: { z: $angular } }
  args:
    linear: { type: number, min: -0.2, max: 0.3, default: 0 }
    angular: { type: number, min: -0.8, max: 0.8, default: 0 }
    duration_ms: { type: integer, min: 50, max: 2000, default: 500 }
  motion: true
  signed: required
  when: [battery > 15, fall == false]
  ttl: 5s
  rate: 300
goto:
  topic: /goal_pose
  type: geometry_msgs/msg/Pose
  message: { position: $place }
  args:
    place: { type: string, choices: { kitchen: { x: 3, y: 1 }, bed: { x: -1, y: 4 } } }
    duration_ms: { type: integer, min: 1000, max: 60000, default: 1000 }
  motion: true
  signed: optional
  when: [fall == false]
  ttl: 30s
  rate: 30
ping: { does: ping, queue_offline: true }
snapshot: { does: snapshot, queue_offline: true }
`),
);
