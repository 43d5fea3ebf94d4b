export { PICTURES, uploadRequest } from './kinds.ts';
export { ObjectStore } from './store.ts';
export { claimUploads, Uploads } from './uploads.ts';
