// A stream that limits the bytes per second and passes them on in small slices.
import { Transform } from 'node:stream';

const SLICES_A_SECOND = 10;

export function slowly(bytesPerSecond: number): Transform {
  const most = Math.max(1, Math.floor(bytesPerSecond / SLICES_A_SECOND));
  const slow = new Transform({
    readableHighWaterMark: most,
    writableHighWaterMark: most,
    transform(part: Buffer, _encoding, done) {
      const give = (rest: Buffer): void => {
        if (slow.destroyed) return;
        if (rest.length === 0) {
          done();
          return;
        }
        slow.push(rest.subarray(0, most));
        setTimeout(() => give(rest.subarray(most)), 1_000 / SLICES_A_SECOND);
      };
      give(part);
    },
  });
  return slow;
}
