export { onlyFrom } from './allow.ts';
export { buildApp } from './app.ts';
export { component } from './components.ts';
export { answer, errors, HttpError } from './errors.ts';
export { DEVICE, OPEN, TAGS, USER } from './openapi.ts';
export type { App } from './types.ts';
