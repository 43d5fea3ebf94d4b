export { CLIENT_ID_PREFIX, SHARE } from './names.ts';
export { cloudPolicy, mosquittoAcl, type Policy, type PolicyOptions, robotPolicy } from './policies.ts';
