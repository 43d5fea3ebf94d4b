export { type App, buildApp } from './app.ts';
export { answer, errors, HttpError } from './errors.ts';
export { component, DEVICE, OPEN, TAGS, USER } from './openapi.ts';
export { type MonitorAccess, onlyMonitors } from './protect.ts';
