// Loads sharp for the first picture, so an agent without a camera never pays for it. Without a cache and with one thread per job, its
// memory is returned and a processor core stays free for alerts (glibc keeps memory that many threads have used).
import type { default as Sharp, SharpOptions } from 'sharp';
import { MAX_PIXELS } from './unpack.ts';

let loading: Promise<typeof Sharp> | undefined;

/** @throws if sharp's binary for this machine is not installed. */
export function loadSharp(): Promise<typeof Sharp> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    sharp.cache(false);
    sharp.concurrency(1);
    return sharp;
  });
  return loading;
}

/** Limits for a broken or malicious picture, which then costs one error. */
export const STRICT = { failOn: 'error', limitInputPixels: MAX_PIXELS } as const satisfies SharpOptions;
