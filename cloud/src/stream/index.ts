export { changedBy, Wakes } from './changeNotifier.ts';
export { momentFrom } from './changes.ts';
export { events } from './events.ts';
