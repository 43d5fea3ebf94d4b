// A wall clock for one program that the test can set while it runs (libfaketime). The monotonic clock stays true.
import { existsSync, writeFileSync } from 'node:fs';

const LIBRARIES = ['x86_64', 'aarch64', 'arm'].flatMap((machine) =>
  ['gnu', 'gnueabihf'].map((abi) => `/usr/lib/${machine}-linux-${abi}/faketime/libfaketime.so.1`),
);
const LIBRARY = LIBRARIES.find((file) => existsSync(file));

/** The library reads its file at each call, and the program's timers call it within this time. */
export const NOTICED_WITHIN_MS = 1_500;

export const fakeClockMissing = (): string | false => (LIBRARY ? false : 'no libfaketime: apt-get install faketime');

export class FakeClock {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
    this.set(0);
  }

  /** The offset from the true time in seconds. */
  set(offsetSeconds: number): void {
    writeFileSync(this.#file, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}`);
  }

  env(): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_NO_CACHE: '1',
    };
  }
}
