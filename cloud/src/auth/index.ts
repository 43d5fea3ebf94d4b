export { Auth } from './auth.ts';
export { type Announced, addCertificate, revokeCertificate, takeAnnouncements } from './certificates.ts';
export { MAX_PASSWORD_BYTES, Passwords, Tokens } from './credentials.ts';
export { Devices } from './devices.ts';
export { AttemptLimits } from './limits.ts';
export { addUser, findUser, invite, revoke, robotsOf } from './members.ts';
