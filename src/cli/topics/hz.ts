// `elderly-bot topics hz`: measures the rate of a topic, the gaps between its messages, and its bandwidth.
import { counted, every, printNow } from '../../base/index.ts';
import { durationOf } from '../shared.ts';
import { follow } from './follow.ts';
import { observe, type TopicOptions } from './graph.ts';
import { type MeasuredRate, RateMeter } from './rate.ts';

interface HzOptions extends TopicOptions {
  readonly json: boolean;
  /** How long to measure; undefined until Ctrl-C, with a line every second. */
  readonly for: string | undefined;
}

const SHOW_EVERY_MS = 1_000;

/** @returns the exit code: 0; 1 if no message arrived within `for`; 130 if Ctrl-C came before the end of `for`. */
export function hz(options: HzOptions): Promise<number> {
  const forMs = options.for === undefined ? undefined : durationOf('--for', options.for);
  return observe(options, async (observer) => {
    const meter = new RateMeter();
    const show = () => {
      const measured = meter.measured(performance.now());
      printNow(options.json ? JSON.stringify(measured) : describe(measured));
      return measured.messages;
    };
    const ticker = forMs === undefined ? every(SHOW_EVERY_MS, show) : undefined;
    try {
      const onMessage = (_: unknown, size: number) => meter.add(performance.now(), size);
      await follow(observer, { type: undefined, until: observer.signal, forMs, onMessage });
    } finally {
      ticker?.stop();
    }
    if (observer.signal.aborted) return forMs === undefined ? 0 : 130;
    return show() > 0 ? 0 : 1;
  });
}

function describe({ messages, seconds, rate, gap_min, gap_max, gap_std, bytes_per_second }: MeasuredRate): string {
  const heard = `${counted(messages, 'message')} in ${seconds.toFixed(1)} s`;
  if (rate === null || gap_min === null || gap_max === null || gap_std === null || bytes_per_second === null) return heard;
  const gaps = `gaps ${gap_min.toFixed(3)} to ${gap_max.toFixed(3)} s, deviation ${gap_std.toFixed(3)} s`;
  return `${rate.toFixed(rate < 10 ? 3 : 1)} Hz, ${gaps}, ${sizeOf(bytes_per_second)}/s, ${heard}`;
}

function sizeOf(bytes: number): string {
  if (bytes < 1_000) return `${Math.round(bytes)} B`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
