export { checkApi, checkUpload } from './check.ts';
export type { ContentType, NewUpload, UploadKind } from './item.ts';
export { type Sent, SLICE_BYTES, type Slice, Slices } from './slices.ts';
export type { Outcome } from './transfer.ts';
export { Uploads, type UploadsOptions } from './uploads.ts';
