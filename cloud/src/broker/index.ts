export { BrokerLink, type LinkState } from './link.ts';
export { Session } from './session.ts';
