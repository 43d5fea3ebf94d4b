// The version in package.json; in the bundle it is a constant.
import manifest from '../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;
