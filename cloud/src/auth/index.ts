export { Auth } from './auth.ts';
export { addCertificate, revokeCertificate } from './certificates.ts';
export { Devices } from './devices.ts';
export { AttemptLimits, type AuthLimits, LOGIN_LIMITS, REGISTER_LIMITS } from './limits.ts';
export { addUser, findUser, invite, revoke, robotsOf } from './members.ts';
export { MAX_PASSWORD_BYTES, Passwords } from './passwords.ts';
export { type Announced, takeAnnouncements } from './successors.ts';
export { Tokens } from './tokens.ts';
