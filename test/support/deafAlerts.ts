// Entries of alert channels that can never raise their alert, and the explanation that the agent has to give.

const BOOL = 'std_msgs/msg/Bool';
const NUMBER = 'std_msgs/msg/Int32';

/** Configurations under which a detector's messages can never raise its alert. */
export const DEAF = [
  {
    name: 'a wrong field of a Bool',
    type: BOOL,
    entry: 'field: detected',
    danger: { data: true },
    reason: /no field "detected"; it has data/,
    suggestion: 'field: data',
  },
  {
    name: 'a number without alert_when',
    type: 'std_msgs/msg/Float32',
    entry: 'type: auto',
    danger: { data: 812 },
    reason: /is a number/,
    suggestion: 'alert_when: "> N"  # N: the largest harmless value',
  },
  {
    name: 'a comparison of a Bool with 1',
    type: BOOL,
    entry: 'alert_when: "== 1"',
    danger: { data: true },
    reason: /is a boolean/,
    suggestion: 'alert_when: true',
  },
  {
    name: 'a String under auto',
    type: 'std_msgs/msg/String',
    entry: 'type: auto',
    danger: { data: 'FALL' },
    reason: /is a string.*the value was "FALL"/,
    suggestion: 'alert_when: "== FALL"  # if this text means danger',
  },
  {
    name: 'an Int32 under auto',
    type: NUMBER,
    entry: 'type: auto',
    danger: { data: 1 },
    reason: /is a number/,
    suggestion: 'alert_when: "> 0"',
  },
  {
    name: 'an Empty',
    type: 'std_msgs/msg/Empty',
    entry: 'type: auto',
    danger: {},
    reason: /has no fields/,
    suggestion: 'event: true',
  },
] as const;

/** Configurations under which no message of the detector even arrives. `code` is the problem that names it. */
export const UNHEARD = [
  {
    name: 'another type than is published',
    type: NUMBER,
    entry: `type: ${BOOL}`,
    danger: { data: 1 },
    code: 'channel_type_mismatch',
    reason: /publishes std_msgs\/msg\/Int32; expected std_msgs\/msg\/Bool/,
  },
  {
    name: 'a quality of service that the publisher does not offer',
    type: BOOL,
    entry: `type: ${BOOL}, qos: latched`,
    danger: { data: true },
    code: 'channel_qos_incompatible',
    reason: /offers reliable, volatile; this channel asks for reliable, transient_local/,
  },
  {
    name: 'a message package that is not installed',
    type: BOOL,
    entry: 'type: care_msgs/msg/Fall',
    danger: { data: true },
    code: 'channel_off',
    reason: /care_msgs/,
  },
  {
    name: 'an entry with an error',
    type: BOOL,
    entry: 'alert_when: "~ 5"',
    danger: { data: true },
    code: 'channel_off',
    reason: /alert_when is "~ 5": expected true, false, a comparison/,
  },
] as const;
