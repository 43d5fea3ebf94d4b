export { admit, type AdmissionFacts, type Arrival, type Verdict } from './admit.ts';
export { announce, type CommandPublisher, Commands } from './commands.ts';
