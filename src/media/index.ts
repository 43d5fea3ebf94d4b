export { Camera, Jobs } from './camera.ts';
export type { CameraMessage } from './image.ts';
