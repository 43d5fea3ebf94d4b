// Connects with MQTT.js as its documentation shows, with mutual TLS from the environment.
import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';

/** @param {string} clientId @returns {Promise<import('mqtt').MqttClient>} */
export function connect(clientId) {
  const { BENCH_PORT, BENCH_CA, BENCH_CERT, BENCH_KEY } = process.env;
  return mqtt.connectAsync({
    protocol: 'mqtts',
    host: 'localhost',
    port: Number(BENCH_PORT),
    ca: readFileSync(BENCH_CA ?? ''),
    cert: readFileSync(BENCH_CERT ?? ''),
    key: readFileSync(BENCH_KEY ?? ''),
    clientId,
    protocolVersion: 5,
  });
}

/** @param {string} event @param {object} [fields] */
export function say(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

/** CLOCK_MONOTONIC in nanoseconds, like Python's time.monotonic_ns(). Exact for a hundred days of uptime. */
export function monotonicNs() {
  return Number(process.hrtime.bigint());
}
