export { GuardLink, type GuardLinkOptions, NO_MOTION } from './link.ts';
export { guardSocket } from './protocol.ts';
export { type GuardOptions, GuardServer } from './server.ts';
