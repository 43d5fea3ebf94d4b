export { type AdmissionFacts, type Arrival, admit, type Verdict } from './admit.ts';
export { announce, argumentSchema } from './announcement.ts';
export { Commands } from './commands.ts';
export type { ChannelValue } from './conditions.ts';
export type { BuiltinActions } from './executor.ts';
export { GuardLink, GuardServer, guardSocket, NO_MOTION } from './guard/index.ts';
export type { Armed, MotionGuard } from './motion.ts';
export type { CommandPublisher } from './publication.ts';
export type { Outcome } from './publishers.ts';
