export { CLIENT_ID_PREFIX, cloudPolicy, mosquittoAcl, type Policy, type PolicyOptions, robotPolicy, SHARE } from './policies.ts';
