// Privacy zones: rectangles that are blacked out before a picture is kept. Pure except for the given pixels.
import type { PrivacyZone } from '../config/index.ts';
import type { Pixels } from './unpack.ts';

/**
 * Blacks out the zones in place, rounded outwards to whole pixels.
 * @param margin extra pixels on each side, for a picture that was scaled down: each of its pixels depends on its neighbours.
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
