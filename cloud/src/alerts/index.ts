export { ALERT_COLUMNS, type Alert, acknowledgeAlert, alert, listAlerts, markSeen, readAlert, readAlerts } from './alerts.ts';
export { recordAlerts } from './fromRows.ts';
export { type Behind, checkSilence, type SilenceChange, setSilence } from './silence.ts';
export { recordStorage } from './storage.ts';
