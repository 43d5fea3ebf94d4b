export { onlyFrom } from './allow.ts';
export { buildApp } from './app.ts';
export { errors, HttpError } from './errors.ts';
export { DEVICE, USER } from './openapi.ts';
export type { App } from './types.ts';
