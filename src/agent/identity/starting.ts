// Reads the credentials with which the agent starts. A robot that has worked before also starts without usable ones, because it must go on
// sensing; watch.ts takes files that replace them.
import { messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { absentCredentials, type CredentialPaths, type OwnCredentials, readCredentials } from '../../identity/index.ts';
import type { Logger } from '../../logs/index.ts';

/**
 * @param hasRun whether this robot's agent has started before. If not, somebody is installing it and reads the error.
 * @throws AgentError KEY_PERMISSIONS; other errors of the files only if `hasRun` is false.
 */
export function startingCredentials(paths: () => CredentialPaths, hasRun: boolean, log: Logger): OwnCredentials {
  try {
    return readCredentials(paths());
  } catch (error) {
    if (!hasRun || (error instanceof AgentError && error.code === 'KEY_PERMISSIONS')) throw error;
    const line = error instanceof AgentError ? error.line : messageOf(error);
    log.error({ event: 'no_certificate' }, `the agent senses without a connection, because it has no usable certificate: ${line}`);
    return absentCredentials();
  }
}
