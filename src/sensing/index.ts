export { Channel } from './channel.ts';
export { fieldReader } from './path.ts';
