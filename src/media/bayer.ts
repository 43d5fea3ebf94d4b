// Converts a Bayer mosaic to colours. Each pixel of the sensor has one colour; the two others are the mean of its nearest neighbours with
// that colour (bilinear interpolation). No side effects.

/** The colours of the first two rows, as in the encoding's name: `rggb` is R G R G ..., then G B G B .... */
export type BayerPattern = 'rggb' | 'bggr' | 'gbrg' | 'grbg';

/** Plain bytes, one per pixel. */
export interface Mosaic {
  readonly width: number;
  readonly height: number;
  /** Bytes from the start of one row to the start of the next. */
  readonly step: number;
  readonly data: Uint8Array;
}

const [RED, BLUE] = [0, 2];

/** @returns a function that writes the colours of a row. Both sides of the mosaic must have at least two pixels. */
export function bayerRows({ width, height, step, data }: Mosaic, pattern: BayerPattern, out: Uint8ClampedArray): (row: number) => void {
  const greenStart = pattern.startsWith('g');
  const firstRowColour = (greenStart ? pattern[1] : pattern[0]) === 'r' ? RED : BLUE;
  const at = (index: number) => data[index] as number;
  return (row) => {
    const [above, here, below] = [mirrored(row - 1, height) * step, row * step, mirrored(row + 1, height) * step];
    // Each row has green and one other colour; the rows above and below have green and the opposite colour.
    const own = row % 2 === 0 ? firstRowColour : RED + BLUE - firstRowColour;
    const opposite = RED + BLUE - own;
    let isGreen = (row % 2 === 0) === greenStart;
    for (let x = 0, into = row * width * 3; x < width; x += 1, into += 3, isGreen = !isGreen) {
      const left = x === 0 ? 1 : x - 1;
      const right = x === width - 1 ? x - 1 : x + 1;
      const sides = at(here + left) + at(here + right);
      const ends = at(above + x) + at(below + x);
      if (isGreen) {
        out[into + own] = sides / 2;
        out[into + 1] = at(here + x);
        out[into + opposite] = ends / 2;
      } else {
        out[into + own] = at(here + x);
        out[into + 1] = (sides + ends) / 4;
        out[into + opposite] = (at(above + left) + at(above + right) + at(below + left) + at(below + right)) / 4;
      }
    }
  };
}

/** Mirrors an index beyond the edge at the edge pixel, which keeps its colour in the pattern: -1 becomes 1. */
function mirrored(index: number, length: number): number {
  if (index < 0) return 1;
  return index < length ? index : length - 2;
}
