// Numbers on the command line: what is none, or out of its range, is said before anything is done. Each is for an option's `coerce`.

/** @throws Error that names the option and what it takes */
export function whole(name: string, min: number, max = Number.MAX_SAFE_INTEGER): (given: number) => number {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return (given) => {
    if (Number.isSafeInteger(given) && given >= min && given <= max) return given;
    throw new Error(`${name}: expected a whole number ${range}`);
  };
}

/** The same where it may be left out. */
export function maybeWhole(name: string, min: number, max?: number): (given: number | undefined) => number | undefined {
  const take = whole(name, min, max);
  return (given) => (given === undefined ? undefined : take(given));
}
