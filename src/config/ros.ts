// The words of ROS that channels and commands share: names, types, quality of service, field paths.
import * as z from 'zod';

/** REP 144 and the ROS 2 design's topic names: absolute, tokens of letters, digits and `_`, none starting with a digit. */
export const rosName = z
  .string()
  .regex(/^\/[A-Za-z_][A-Za-z0-9_]*(\/[A-Za-z_][A-Za-z0-9_]*)*$/, 'expected an absolute ROS name such as /gas_detected')
  .refine((name) => !name.includes('__'), 'a ROS name may not hold two underscores in a row');

/** `std_msgs/Bool` and `std_msgs/msg/Bool` are the same; kept in the long form. */
export const rosType = z
  .string()
  .regex(/^[a-z][a-z0-9_]*\/(msg\/)?[A-Z][A-Za-z0-9]*$/, 'expected a ROS message type such as std_msgs/msg/Bool')
  .transform((type) => (type.includes('/msg/') ? type : type.replace('/', '/msg/')));

export const qos = z.strictObject({
  reliability: z.enum(['reliable', 'best_effort']).default('reliable'),
  durability: z.enum(['volatile', 'transient_local']).default('volatile'),
  /** Samples the DDS queue holds while the agent is busy; with 100, readings were lost in the first moments of 4 of 300 starts under load. */
  depth: z.int().min(1).max(10_000).default(1_000),
});

export const fieldPath = z
  .string()
  .regex(/^[A-Za-z_]\w*(\[\d+\])*(\.[A-Za-z_]\w*(\[\d+\])*)*$/, 'expected a field path such as data or status[0].level');
