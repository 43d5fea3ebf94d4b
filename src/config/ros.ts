// The schemas of ROS names, types, quality of service and field paths, which channels, cameras and commands share.
import * as z from 'zod';

/** An absolute ROS name (REP 144 and the ROS 2 design). Its parts consist of letters, digits and `_`, and must not start with a digit. */
export const rosName = z
  .string()
  .regex(/^\/[A-Za-z_][A-Za-z0-9_]*(\/[A-Za-z_][A-Za-z0-9_]*)*$/, 'expected an absolute ROS name such as /gas_detected')
  .refine((name) => !name.includes('__'), 'a ROS name may not hold two underscores in a row');

/** A topic that is absolute, relative to the namespace, or relative to the node (`~/`). */
export const topicName = z
  .string()
  .regex(/^(~\/|\/)?[A-Za-z_][A-Za-z0-9_]*(\/[A-Za-z_][A-Za-z0-9_]*)*$/, { error: ({ input }) => topicFault(String(input)) })
  .refine((name) => !name.includes('__'), 'a ROS name may not hold two underscores in a row');

function topicFault(text: string): string {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text) ?? [];
  if (scheme === undefined) return 'expected a ROS topic such as /gas_detected';
  return `expected a ROS topic, not a URL (${scheme}://): start a ROS driver for the device (for an RTSP camera: gscam), and write the topic that it publishes, such as /camera/image_raw/compressed`;
}

export const nodeName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected a ROS node name: letters, digits and _');

export const namespace = z
  .string()
  .regex(/^\/([A-Za-z_][A-Za-z0-9_]*(\/[A-Za-z_][A-Za-z0-9_]*)*)?$/, 'expected a ROS namespace such as / or /robot1');

const REMAPPED =
  /^([A-Za-z_][A-Za-z0-9_]*:)?(__node|__name|__ns|(rostopic:\/\/)?(~\/|\/)?[A-Za-z_][A-Za-z0-9_]*(\/[A-Za-z_][A-Za-z0-9_]*)*)$/;

/** Rules, as given with `-r` on a ROS command line. Each maps a topic, `__node` or `__ns` to a new name, either for one node or for all. */
export const remap = z
  .record(z.string().regex(REMAPPED, 'expected a topic, __node or __ns, such as /gas_detected, or NODE:/gas_detected'), z.string())
  .superRefine((rules, context) => {
    for (const [from, to] of Object.entries(rules)) {
      const name = from.split(':').at(-1) ?? '';
      const kind = name === '__ns' ? namespace : name === '__node' || name === '__name' ? nodeName : topicName;
      const message = kind.safeParse(to).error?.issues[0]?.message;
      if (message !== undefined) context.addIssue({ code: 'custom', path: [from], message });
    }
  });
export type Remap = z.infer<typeof remap>;

/** A message type. The short form `std_msgs/Bool` is converted to `std_msgs/msg/Bool`. */
export const rosType = z
  .string()
  .regex(/^[a-z][a-z0-9_]*\/(msg\/)?[A-Z][A-Za-z0-9]*$/, 'expected a ROS message type such as std_msgs/msg/Bool')
  .transform((type) => (type.includes('/msg/') ? type : type.replace('/', '/msg/')));

/** Accepts a message type, or `auto`, which is converted to undefined. */
export function typeOrAuto(expected: string) {
  return z.union([z.literal('auto').transform(() => undefined), rosType], expected);
}

export const qos = z.strictObject({
  reliability: z.enum(['reliable', 'best_effort']).default('reliable'),
  durability: z.enum(['volatile', 'transient_local']).default('volatile'),
  /** How many messages DDS queues while the agent is busy. If it was 100, readings were lost in 4 of 300 startups under load. */
  depth: z.int().min(1).max(10_000).default(1_000),
});

/** Two profiles named as in rmw (rmw/qos_profiles.h), and `latched` for topics that keep their last message for late subscribers. */
const PROFILES = {
  default: { reliability: 'reliable', durability: 'volatile', depth: 10 },
  sensor_data: { reliability: 'best_effort', durability: 'volatile', depth: 5 },
  latched: { reliability: 'reliable', durability: 'transient_local', depth: 1 },
} as const;

/** `auto` matches the publishers' QoS, a name selects a profile, and an object sets individual keys. */
export const channelQos = z.union(
  [z.literal('auto'), z.enum(['default', 'sensor_data', 'latched']).transform((name) => PROFILES[name]), qos],
  'expected auto, default, sensor_data, latched, or keys reliability, durability and depth',
);

/** Functions that reduce the elements of `[*]` to one value. They skip non-finite numbers, such as the infinities in laser scans. */
const REDUCERS = ['min', 'max', 'mean', 'sum', 'count', 'any', 'all'] as const;
export type Reducer = (typeof REDUCERS)[number];

const FIELD_PATH = /^[A-Za-z_]\w*(\[(\d+|\*)\])*(\.[A-Za-z_]\w*(\[(\d+|\*)\])*)*$/;

/** A field path. If it contains `[*]`, it must be followed by `|` and a reducer. */
export const fieldPath = z.string().refine(
  (text) => {
    const [path = '', reducer, more] = text.split('|').map((part) => part.trim());
    const many = path.includes('[*]');
    const reduced = reducer === undefined ? !many : many && REDUCERS.some((known) => known === reducer);
    return FIELD_PATH.test(path) && reduced && more === undefined;
  },
  `expected a field path such as data, status[0].level, or one with [*] and ${REDUCERS.join(', ')}: ranges[*] | min`,
);
