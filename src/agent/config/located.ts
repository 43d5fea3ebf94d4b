// Adds the file, line and column of a configuration entry to an error about it, such as a topic name that ROS refuses.
import type { LoadedConfig } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';

/** Runs `create` for the configuration entry at `path`. @throws the error of `create`; an AgentError gets the place of the entry before its text. */
export function configured<T>(place: LoadedConfig['place'], path: readonly string[], create: () => T): T {
  try {
    return create();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const where = `${place(path)}: ${path.join('.')}: ${error.message}`;
    throw new AgentError(error.code, where, { ...(error.remedy ? { remedy: error.remedy } : {}), cause: error, fields: error.fields });
  }
}
