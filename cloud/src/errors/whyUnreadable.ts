// The reason, in words, why a file can't be read.
import { messageOf } from '../../../src/base/index.ts';

export function whyUnreadable(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'no such file';
  return code === 'EACCES' ? 'no permission' : messageOf(error);
}
