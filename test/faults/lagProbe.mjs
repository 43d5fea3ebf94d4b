// Loaded into the agent's process by the clock campaign (NODE_OPTIONS): says on stdout when its event loop stood still.
const EVERY_MS = 20;
const WORTH_SAYING_MS = 50;

let last = performance.now();
setInterval(() => {
  const now = performance.now();
  const lag = Math.round(now - last - EVERY_MS);
  last = now;
  if (lag > WORTH_SAYING_MS) process.stdout.write(`${JSON.stringify({ event: 'lag', ms: lag })}\n`);
}, EVERY_MS).unref();
