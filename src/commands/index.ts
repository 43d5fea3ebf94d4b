export { announce, argumentSchema } from './arguments.ts';
export { Commands } from './commands.ts';
export type { BuiltinActions } from './executor.ts';
export { GuardLink, NO_MOTION } from './guard/link.ts';
export { guardSocket } from './guard/protocol.ts';
export { GuardServer } from './guard/server.ts';
export type { MotionGuard } from './motion.ts';
export { type Outcome, publishAll } from './publishers.ts';
