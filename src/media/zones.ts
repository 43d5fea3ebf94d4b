// Privacy zones: rectangles that are black before anything is kept. Pure but for the pixels it is given.
import type { PrivacyZone } from '../config/index.ts';
import type { Pixels } from './unpack.ts';

/**
 * Blacks the zones out, in place, rounded outwards to whole pixels.
 * @param margin pixels more on each side, where a picture was made smaller before and each pixel holds something of its neighbours.
 */
export function blackOut({ width, height, channels, data }: Pixels, zones: readonly PrivacyZone[], margin = 0): void {
  for (const zone of zones) {
    const left = Math.max(0, Math.floor(zone.x * width) - margin);
    const right = Math.min(width, Math.ceil((zone.x + zone.width) * width) + margin);
    const top = Math.max(0, Math.floor(zone.y * height) - margin);
    const bottom = Math.min(height, Math.ceil((zone.y + zone.height) * height) + margin);
    for (let row = top; row < bottom; row += 1) data.fill(0, (row * width + left) * channels, (row * width + right) * channels);
  }
}
