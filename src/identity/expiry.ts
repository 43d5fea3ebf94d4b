// Decides when to renew a certificate and how urgently to warn. Pure. Without a trusted clock there is no decision about dates.
import { DAY_MS } from './verify.ts';

/** Days before the expiry at which the warning is repeated. */
export const EXPIRY_STAGES = [30, 14, 7, 1] as const;
export type ExpiryStage = (typeof EXPIRY_STAGES)[number];

/** @returns the last stage that was reached; undefined if the expiry is far away or the clock is not trusted. */
export function expiryStage(notAfterMs: number, nowMs: number, isClockTrusted: boolean): ExpiryStage | undefined {
  if (!isClockTrusted) return undefined;
  return EXPIRY_STAGES.filter((days) => notAfterMs - nowMs <= days * DAY_MS).at(-1);
}

/** @param beforeMs time before the expiry at which to renew; null: never automatically. */
export function isRotationDue(notAfterMs: number, nowMs: number, isClockTrusted: boolean, beforeMs: number | null): boolean {
  return isClockTrusted && beforeMs !== null && notAfterMs - nowMs <= beforeMs;
}
