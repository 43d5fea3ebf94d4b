// Subscribes with rclnodejs as its documentation shows: one node, its default spin, one subscription.
import rclnodejs from 'rclnodejs';

const { HistoryPolicy, ReliabilityPolicy, DurabilityPolicy } = rclnodejs.QoS;

/** Reliable, with the depth of all bridges in the benches. */
export const QOS = new rclnodejs.QoS(
  HistoryPolicy.RMW_QOS_POLICY_HISTORY_KEEP_LAST,
  1000,
  ReliabilityPolicy.RMW_QOS_POLICY_RELIABILITY_RELIABLE,
  DurabilityPolicy.RMW_QOS_POLICY_DURABILITY_VOLATILE,
);

/** @param {string} name */
export async function startNode(name) {
  await rclnodejs.init();
  const node = new rclnodejs.Node(name);
  node.spin();
  return node;
}

/** @param {string} type `bool` or `float` */
export const rosType = (type) => (type === 'bool' ? 'std_msgs/msg/Bool' : 'std_msgs/msg/Float64');
