export { type Command, Commands } from './commands.ts';
