// A start on a full disk gives the ballast up first: what it needs to write is small.
import { dropBallast, isDiskFull } from '../../outbox/index.ts';

/** Does `work` again after releasing the ballast in `stateDir`, where the disk was full. @throws what `work` throws otherwise. */
export function withRoom<T>(stateDir: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    dropBallast(stateDir);
    return work();
  }
}
