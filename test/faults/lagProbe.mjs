// The clock campaign loads this into the agent's process (NODE_OPTIONS). It prints when the event loop was blocked.
const EVERY_MS = 20;
const WORTH_SAYING_MS = 50;

let last = performance.now();
setInterval(() => {
  const now = performance.now();
  const lag = Math.round(now - last - EVERY_MS);
  last = now;
  if (lag > WORTH_SAYING_MS) process.stdout.write(`${JSON.stringify({ event: 'lag', ms: lag })}\n`);
}, EVERY_MS).unref();
