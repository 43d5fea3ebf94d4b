export { Channel } from './channel.ts';
export type { Sample } from './gate.ts';
export { type Match, match, type Offer, type Wanted } from './match.ts';
export { fieldReader } from './path.ts';
