export { httpServer } from './server.ts';
