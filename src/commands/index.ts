export { type AdmissionFacts, type Arrival, admit, type Verdict } from './admit.ts';
export { announce, type CommandPublisher, Commands } from './commands.ts';
