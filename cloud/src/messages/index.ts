export { asPoison, decode } from './decode.ts';
export {
  type EventRow,
  type FlatState,
  type Incoming,
  type Message,
  type OutboxName,
  type PoisonMessage,
  type PresenceMessage,
  ROW_TABLES,
  type RowsMessage,
  type RowTable,
} from './message.ts';
export { filtersOf, patternProblem } from './pattern.ts';
