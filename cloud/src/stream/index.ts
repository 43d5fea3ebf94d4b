export { ChangeNotifier, changedBy } from './changeNotifier.ts';
export { snapshotFrom } from './changes.ts';
export { events } from './events.ts';
