// `elderly-bot bench`: what the way to the configured broker can do, in three figures and a chart.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../base/index.ts';
import { endpointOf, loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { identityPaths, readCredentials } from '../identity/index.ts';
import { type Measured, measure } from '../uplink/index.ts';
import { reportOf } from './bench/report.ts';
import { inWords, resultOf } from './bench/result.ts';
import { BENCH_TOPIC } from './benchMosquitto.ts';
import { progress } from './terminal.ts';

export interface BenchOptions {
  readonly file: string | undefined;
  readonly json: boolean;
  readonly seconds: number;
  /** Where a report goes. */
  readonly html: string | undefined;
}

export async function bench({ file, json, seconds, html }: BenchOptions): Promise<number> {
  const { config } = loadConfig(file, process.env, { leaveOut: true });
  const credentials = readCredentials(identityPaths(config.mqtt, config.state_dir));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort()).once('SIGTERM', () => stop.abort());
  const line = progress();
  const topic = `${config.topic_prefix}/${BENCH_TOPIC}`;
  let measured: Measured;
  try {
    measured = await measure({ ...endpointOf(config.mqtt.endpoint), credentials, topic, seconds, onStep: line.say }, stop.signal);
  } catch (cause) {
    if (stop.signal.aborted) return 130;
    throw new AgentError('BROKER_UNREACHABLE', `${config.mqtt.endpoint}: ${messageOf(cause)}`, {
      remedy: `check that the broker runs and lets this robot publish and subscribe ${topic} (elderly-bot bench mosquitto makes one that does), or run elderly-bot doctor`,
      cause,
    });
  } finally {
    line.end();
  }
  const result = resultOf(measured, config.mqtt.endpoint);
  if (html !== undefined) writeFileSync(html, reportOf(result));
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : inWords(result));
  if (html !== undefined && !json) process.stdout.write(`wrote ${resolve(html)}\n`);
  return 0;
}
