// When a certificate is to be renewed, and how urgently a person is told. Pure. A clock that is not trusted tells nothing about dates.
import { DAY_MS } from './verify.ts';

/** Days before the end at which it is said again. */
export const EXPIRY_STAGES = [30, 14, 7, 1] as const;
export type ExpiryStage = (typeof EXPIRY_STAGES)[number];

/** @returns the nearest stage that has come; undefined while the end is far away, or the clock is not trusted. */
export function expiryStage(notAfterMs: number, nowMs: number, isClockTrusted: boolean): ExpiryStage | undefined {
  if (!isClockTrusted) return undefined;
  return EXPIRY_STAGES.filter((days) => notAfterMs - nowMs <= days * DAY_MS).at(-1);
}

/** @param beforeMs how long before its end a certificate is renewed; null: never by itself. */
export function isRotationDue(notAfterMs: number, nowMs: number, isClockTrusted: boolean, beforeMs: number | null): boolean {
  return isClockTrusted && beforeMs !== null && notAfterMs - nowMs <= beforeMs;
}
