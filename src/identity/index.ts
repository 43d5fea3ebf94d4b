export { type BenchFiles, benchCertificates, DevCa, type IssuedFiles, type LeafOptions } from './devCa.ts';
export { type CredentialPaths, type Credentials, readCredentials } from './files.ts';
