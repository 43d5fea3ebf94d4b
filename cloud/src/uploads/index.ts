export { isEncrypted, PICTURES, uploadRequest } from './kinds.ts';
export { ObjectStore } from './store.ts';
export { claimUploads, type Picture, Uploads } from './uploads.ts';
