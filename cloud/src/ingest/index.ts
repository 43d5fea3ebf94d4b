export type { Way } from './admission.ts';
export { Ingest } from './ingest.ts';
