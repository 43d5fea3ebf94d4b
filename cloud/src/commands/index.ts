export { type Command, Commands, type SignedFields } from './commands.ts';
