// sharp, loaded when the first picture is made: an agent without a camera never pays for it. No cache and one thread a job: what it
// holds of memory comes back, and a core is left for the alerts (reliability.md, C6; glibc keeps what many threads once used).
import type { default as Sharp, SharpOptions } from 'sharp';
import { MAX_PIXELS } from './unpack.ts';

let loading: Promise<typeof Sharp> | undefined;

/** @throws where its binary is not installed for this machine. */
export function loadSharp(): Promise<typeof Sharp> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    sharp.cache(false);
    sharp.concurrency(1);
    return sharp;
  });
  return loading;
}

/** What a broken or lying picture may cost: an error. */
export const STRICT = { failOn: 'error', limitInputPixels: MAX_PIXELS } as const satisfies SharpOptions;
