export { type Answer, Asker, type AskingConnection, dialToAsk } from './asking.ts';
export { call } from './call.ts';
export { UplinkMemory } from './memory.ts';
export { backlogMessage, liveMessage, singleMessage } from './messages.ts';
export { type Proof, type ProveOptions, prove, whyNot } from './prove.ts';
export { type Connect, ConnectError, type Link, type Message } from './session.ts';
export { Uplink, type UplinkOptions } from './uplink.ts';
