// Graphs of real robots for tests: the topics that their drivers publish, with types and nodes.
import type { FoundTopic } from '../../src/configInit/index.ts';

const BOOL = 'std_msgs/msg/Bool';
const FLOAT = 'std_msgs/msg/Float32';
const IMAGE = 'sensor_msgs/msg/Image';
const COMPRESSED = 'sensor_msgs/msg/CompressedImage';
const DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray';
const BATTERY = 'sensor_msgs/msg/BatteryState';

/** @param rows lines of a topic, its type and its node. */
function graph(...rows: readonly (readonly [topic: string, type: string, node?: string])[]): FoundTopic[] {
  return rows.map(([topic, type, node = '/robot_node']) => ({ topic, types: [type], nodes: [node] }));
}

const OF_ROS = graph(
  ['/tf', 'tf2_msgs/msg/TFMessage', '/robot_state_publisher'],
  ['/tf_static', 'tf2_msgs/msg/TFMessage', '/robot_state_publisher'],
  ['/robot_description', 'std_msgs/msg/String', '/robot_state_publisher'],
  ['/joint_states', 'sensor_msgs/msg/JointState'],
  ['/odom', 'nav_msgs/msg/Odometry'],
);

/** The robot of the inherited interface, with the sensors that it has now: gas in ppm, no battery. */
export const ORIGINAL = graph(
  ['/fall_detected', BOOL, '/fall_detector'],
  ['/fire_detected', BOOL, '/fire_detector'],
  ['/stranger_detected', BOOL, '/face_recognition'],
  ['/gas_ppm', FLOAT, '/mq2'],
  ['/jetson_temperature', FLOAT, '/jetson_stats'],
  ['/camera/image_raw', IMAGE, '/usb_cam'],
  ['/camera/image_raw/compressed', COMPRESSED, '/usb_cam'],
  ['/diagnostics', DIAGNOSTICS, '/jetson_stats'],
);

/** The TurtleBot 3 Waffle with its camera (turtlebot3_node, v4l2_camera with image_transport). */
export const TURTLEBOT3 = [
  ...OF_ROS,
  ...graph(
    ['/battery_state', BATTERY, '/turtlebot3_node'],
    ['/imu', 'sensor_msgs/msg/Imu', '/turtlebot3_node'],
    ['/magnetic_field', 'sensor_msgs/msg/MagneticField', '/turtlebot3_node'],
    ['/sensor_state', 'turtlebot3_msgs/msg/SensorState', '/turtlebot3_node'],
    ['/scan', 'sensor_msgs/msg/LaserScan', '/ld08_driver'],
    ['/camera/camera_info', 'sensor_msgs/msg/CameraInfo', '/v4l2_camera'],
    ['/camera/image_raw', IMAGE, '/v4l2_camera'],
    ['/camera/image_raw/compressed', COMPRESSED, '/v4l2_camera'],
    ['/camera/image_raw/compressedDepth', COMPRESSED, '/v4l2_camera'],
    ['/camera/image_raw/theora', 'theora_image_transport/msg/Packet', '/v4l2_camera'],
  ),
];

/** The TurtleBot 4 (Create 3 base, OAK-D camera, turtlebot4_node), with topics of actions and of the base's own use. */
export const TURTLEBOT4 = [
  ...OF_ROS,
  ...graph(
    ['/battery_state', BATTERY, '/motion_control'],
    ['/cliff_intensity', 'irobot_create_msgs/msg/IrIntensityVector', '/robot_state'],
    ['/diagnostics', DIAGNOSTICS, '/turtlebot4_diagnostics'],
    ['/diagnostics_agg', DIAGNOSTICS, '/analyzers'],
    ['/diagnostics_toplevel_state', 'diagnostic_msgs/msg/DiagnosticStatus', '/analyzers'],
    ['/dock_status', 'irobot_create_msgs/msg/DockStatus', '/robot_state'],
    ['/hazard_detection', 'irobot_create_msgs/msg/HazardDetectionVector', '/robot_state'],
    ['/ip', 'std_msgs/msg/String', '/turtlebot4_node'],
    ['/imu', 'sensor_msgs/msg/Imu', '/robot_state'],
    ['/mouse', 'irobot_create_msgs/msg/Mouse', '/robot_state'],
    ['/oakd/rgb/preview/image_raw', IMAGE, '/oakd'],
    ['/oakd/stereo/image_raw', IMAGE, '/oakd'],
    ['/oakd/depth/image_raw', IMAGE, '/oakd'],
    ['/scan', 'sensor_msgs/msg/LaserScan', '/rplidar_composition'],
    ['/dock/_action/status', 'action_msgs/msg/GoalStatusArray', '/motion_control'],
    ['/dock/_action/feedback', 'irobot_create_msgs/action/Dock_FeedbackMessage', '/motion_control'],
    ['/_do_not_use/battery_percentage', FLOAT, '/_internal'],
    ['/cmd_vel', 'geometry_msgs/msg/Twist', '/teleop_twist_joy_node'],
  ),
];

/** Kobuki (kobuki_node), whose battery is below /sensors. */
export const KOBUKI = [
  ...OF_ROS,
  ...graph(
    ['/sensors/battery_state', BATTERY, '/kobuki_ros_node'],
    ['/sensors/core', 'kobuki_ros_interfaces/msg/SensorState', '/kobuki_ros_node'],
    ['/sensors/imu_data', 'sensor_msgs/msg/Imu', '/kobuki_ros_node'],
    ['/events/cliff', 'kobuki_ros_interfaces/msg/CliffEvent', '/kobuki_ros_node'],
    ['/events/power_system', 'kobuki_ros_interfaces/msg/PowerSystemEvent', '/kobuki_ros_node'],
    ['/debug/raw_data_command', 'std_msgs/msg/String', '/kobuki_ros_node'],
    ['/diagnostics', DIAGNOSTICS, '/kobuki_ros_node'],
  ),
];

/** Pepper (naoqi_driver): three cameras and a depth camera, each with all transports, and no battery topic. */
export const PEPPER = [
  ...OF_ROS,
  ...['front', 'bottom', 'stereo', 'depth'].flatMap((camera) =>
    graph(
      [`/camera/${camera}/image_raw`, IMAGE, '/naoqi_driver'],
      [`/camera/${camera}/image_raw/compressed`, COMPRESSED, '/naoqi_driver'],
      [`/camera/${camera}/image_raw/compressedDepth`, COMPRESSED, '/naoqi_driver'],
      [`/camera/${camera}/image_raw/theora`, 'theora_image_transport/msg/Packet', '/naoqi_driver'],
    ),
  ),
  ...graph(
    ['/audio', 'naoqi_bridge_msgs/msg/AudioBuffer', '/naoqi_driver'],
    ['/bumper', 'naoqi_bridge_msgs/msg/Bumper', '/naoqi_driver'],
    ['/diagnostics', DIAGNOSTICS, '/naoqi_driver'],
    ['/imu/torso', 'sensor_msgs/msg/Imu', '/naoqi_driver'],
    ['/sonar/left', 'sensor_msgs/msg/Range', '/naoqi_driver'],
    ['/sonar/right', 'sensor_msgs/msg/Range', '/naoqi_driver'],
    ['/robot_has_fallen', BOOL, '/naoqi_driver'],
  ),
];

/** A robot in its own namespace; its diagnostics are in the root namespace. */
export const NAMESPACED = [
  ...[...TURTLEBOT3, ...graph(['/fall_detected', BOOL, '/fall_detector'])].map(({ topic, types, nodes }) => ({
    topic: `/robot1${topic}`,
    types,
    nodes: nodes.map((node) => `/robot1${node}`),
  })),
  ...graph(['/diagnostics', DIAGNOSTICS, '/robot1/turtlebot3_node']),
];
