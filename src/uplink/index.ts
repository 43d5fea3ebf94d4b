export { type Route, routesOf } from './brokerRoute.ts';
export { connectCause, describeFailure } from './causes.ts';
export { type CredentialTestResult, testCredentials } from './credentialTest.ts';
export { type Measured, measure } from './measure.ts';
export { UplinkMemory, type UplinkOptions } from './options.ts';
export { type Probed, probe } from './probe.ts';
export { type Answer, call, dialForRequests } from './requests.ts';
export { type Connect, ConnectError, type Link } from './session.ts';
export { Uplink } from './uplink.ts';
