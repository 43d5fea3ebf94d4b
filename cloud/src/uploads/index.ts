export { uploadRequest } from './kinds.ts';
export { ObjectStore } from './store.ts';
export { announcement, claimUploads, picture, Uploads } from './uploads.ts';
