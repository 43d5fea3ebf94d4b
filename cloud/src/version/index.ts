// The same version as in cloud/package.json. A test compares them.
export const VERSION = '0.1.0';
