// What ROS refuses was written in the configuration: the error says in which file, line and column.
import type { LoadedConfig } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';

/** Runs `create` for the configuration's entry at `path`. @throws what it throws, an AgentError with the entry's place before its text. */
export function configured<T>(place: LoadedConfig['place'], path: readonly string[], create: () => T): T {
  try {
    return create();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const where = `${place(path)}: ${path.join('.')}: ${error.message}`;
    throw new AgentError(error.code, where, { ...(error.todo ? { todo: error.todo } : {}), cause: error, fields: error.fields });
  }
}
