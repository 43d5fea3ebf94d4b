// Turns the number in a field into the number of a reading, without loss: sensing computes readings with it, and `config check` computes
// which readings are possible.

/** Whole numbers up to 2^53 - 1 are exact in JavaScript, in JSON and in the cloud. */
export const MAX_EXACT = Number.MAX_SAFE_INTEGER;

/** A float32 needs at least this many significant digits, if its last ones are not zero, and at most MOST_DIGITS. */
const LEAST_DIGITS = 7;
const MOST_DIGITS = 9;

/**
 * @param field a bigint for a whole number beyond 2^53.
 * @returns the field times the scale, as in decimal arithmetic: 0.87 times 100 is 87 and not 86.99999999999999. A bigint may become
 * inexact.
 */
export function readingOf(field: number | bigint, scale: number): number {
  const value = typeof field === 'number' ? cleanFloat32(field) : field;
  return scale === 1 ? Number(value) : decimalProduct(value, scale);
}

/** Whether the reading of a field can be used: it is finite, and a whole number beyond 2^53 became small enough by its scale. */
export function isExact(field: number | bigint, reading: number): boolean {
  return Number.isFinite(reading) && (typeof field === 'number' || Math.abs(reading) <= MAX_EXACT);
}

/**
 * A float32 arrives as a double with noise behind its last digit: 0.87 as 0.8700000047683716. Its own digits are the fewest that name the
 * same float32. Any other double stays as it is, unless it happens to be a float32 with more than 9 digits.
 */
function cleanFloat32(value: number): number {
  if (Number.isInteger(value) || Math.fround(value) !== value) return value;
  const short = Number(value.toPrecision(LEAST_DIGITS));
  if (Math.fround(short) === value) return short;
  const long = Number(value.toPrecision(MOST_DIGITS));
  const middle = Number(value.toPrecision(MOST_DIGITS - 1));
  return long !== value && Math.fround(middle) === value ? middle : long;
}

/** Multiplies the decimal digits, so that the result is rounded only once, to the nearest double. */
function decimalProduct(a: number | bigint, b: number): number {
  const [left, right] = [decimalOf(a), decimalOf(b)];
  return Number(`${left.digits * right.digits}e${left.exponent + right.exponent}`);
}

/** The shortest decimal number with this value is `digits` times ten to the power of `exponent`. */
function decimalOf(value: number | bigint): { readonly digits: bigint; readonly exponent: number } {
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
}
