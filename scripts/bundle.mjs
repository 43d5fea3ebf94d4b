// dist/: the command line and what it loads, bundled, since Node otherwise spends most of a start reading its thousand small files
// (docs/lab/benchmarks.md, start). Each command's code stays a chunk of its own, loaded when it runs; native modules stay outside.
// Paths relative to a module have to hold from dist/chunks/ too: up to the package or across to an entry, never beside it.
import { rmSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: ['src/cli/main.ts', 'src/outbox/inspect.ts', 'src/ros/native/binding.ts'],
  outbase: 'src',
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  // A CommonJS package behind a dynamic import would come with nothing but its default export.
  mainFields: ['module', 'main'],
  // V8 keeps the text of what it runs: without comments it is half, and where one of them is not Latin-1, a quarter.
  minifyWhitespace: true,
  lineLimit: 200,
  sourcemap: true,
  keepNames: true,
  logLevel: 'warning',
  external: ['better-sqlite3', 'rclnodejs', 'sharp'],
  // CommonJS packages in the bundle call require.
  banner: {
    js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
  },
});
