export { Channel, type ChannelOptions } from './channel.ts';
export { trueMeans } from './condition.ts';
export { endedAlerts, leftOutAlerts } from './configChange.ts';
export { fieldReader } from './field.ts';
export { asQuestion, didYouMean, type Published, similarTopics } from './meant.ts';
export { Rate, type RecentReading, RecentReadings } from './recent.ts';
export { type Incident, type RecordedReading, type ReplayedAlert, replay } from './replay.ts';
export { reasonText, type Unusable } from './unusable.ts';
export { stampOf } from './value.ts';
