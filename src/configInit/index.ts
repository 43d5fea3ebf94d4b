// The public API of the module `configInit`.
export { namespacesOf } from './graph.ts';
export { type Proposal, propose } from './propose.ts';
export { render } from './render.ts';
export { stateDirFor } from './stateDir.ts';
export type { FoundTopic } from './topic.ts';
