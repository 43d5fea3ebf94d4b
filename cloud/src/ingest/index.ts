export { Ingest } from './ingest.ts';
