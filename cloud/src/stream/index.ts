export { ChangeNotifier, changedBy } from './changeNotifier.ts';
export { momentFrom } from './changes.ts';
export { events } from './events.ts';
export { Looks } from './looks.ts';
