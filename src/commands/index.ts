export { type AdmissionFacts, type Arrival, admit, type Verdict } from './admit.ts';
export { announce, argumentSchema } from './announce.ts';
export { Commands } from './commands.ts';
export type { Heard } from './conditions.ts';
export { GuardLink, GuardServer, guardSocket, NO_MOTION } from './guard/index.ts';
export type { Armed, MotionGuard } from './motion.ts';
export type { Outcome } from './outlets.ts';
export type { CommandPublisher } from './publish.ts';
export type { OwnWork } from './runs.ts';
