export { Camera, type CameraCounts, type Media } from './camera.ts';
export { Jobs } from './jobs.ts';
export type { PictureMessage } from './picture.ts';
