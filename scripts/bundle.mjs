// Bundles the command line into dist/. Without a bundle, Node.js spends most of a start on reading a thousand small files
// (docs/lab/benchmarks.md). Each command stays a chunk that is loaded when it runs; native modules stay outside the bundle.
// A path that is relative to a module must also be right from dist/chunks/: it may lead up to the package or to an entry point.
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
  // A CommonJS package behind a dynamic import would have only its default export.
  mainFields: ['module', 'main'],
  // V8 keeps source text in memory. Without comments the text is half as long, or a quarter if a comment is not Latin-1.
  minifyWhitespace: true,
  lineLimit: 200,
  sourcemap: true,
  keepNames: true,
  logLevel: 'warning',
  external: ['better-sqlite3', 'koffi', 'rclnodejs', 'sharp'],
  // CommonJS packages in the bundle call require.
  banner: {
    js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
  },
});
