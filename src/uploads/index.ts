export type { ContentType, NewUpload, UploadKind } from './item.ts';
export { type Sent, SLICE_BYTES, type Slice, Slices } from './slices.ts';
export { Uploads, type UploadsOptions } from './uploads.ts';
