export type { ContentType, NewUpload, UploadKind } from './item.ts';
export { Uploads, type UploadsOptions } from './uploads.ts';
