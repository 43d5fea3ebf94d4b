// The demo's display: a screen that redraws itself on a terminal, and a line every five seconds elsewhere.
import type { Status } from '../src/status/index.ts';
import type { Caregiver } from './caregiver.ts';

export interface Scene {
  readonly seconds: number;
  readonly published: number;
  readonly linkCut: boolean;
  readonly act: string;
  readonly status: Status | undefined;
  readonly caregiver: Caregiver;
}

const CLEAR = '\u001b[H\u001b[J';
const ALERTS_SHOWN = 6;

export class Screen {
  readonly #redraws: boolean;
  #lastLine = 0;

  constructor(output: NodeJS.WriteStream) {
    this.#redraws = output.isTTY === true;
  }

  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  draw(scene: Scene): void {
    const lines = describe(scene);
    if (this.#redraws) process.stderr.write(`${CLEAR}${lines.join('\n')}\n`);
    else if (scene.seconds - this.#lastLine >= 5) {
      this.#lastLine = scene.seconds;
      this.say(lines.slice(1, 4).join(' | '));
    }
  }
}

function describe({ seconds, published, linkCut, act, status, caregiver }: Scene): string[] {
  const held = status ? Object.entries(status.outbox.held).map(([name, rows]) => `${rows} ${name}`) : [];
  const alerts = caregiver.seen.slice(-ALERTS_SHOWN).map((alert) => {
    const from = alert.offline ? 'after the link came back' : 'from ROS to the family';
    return `  ${alert.channel.padEnd(9)} ${alert.raised ? 'RAISED ' : 'cleared'} ${String(alert.latencyMs).padStart(5)} ms ${from}`;
  });
  return [
    `elderly-bot demo   ROS 2 sensors -> agent -> broker -> cloud -> family`,
    `${String(seconds).padStart(4)} s   ${act}`,
    `published ${published} readings   link ${linkCut ? 'CUT' : (status?.link.state ?? '?')}${status?.link.mqtt_version === 4 ? ' (MQTT 3.1.1: this broker has no 5)' : ''}`,
    `outbox    ${status?.outbox.unconfirmed ?? '?'} rows not yet confirmed by the cloud (held: ${held.join(', ')})`,
    `acks      ${status?.delivered.acknowledged_rows ?? 0} rows, p50 ${status?.delivered.ack_p50_ms ?? '-'} ms`,
    `commands  ${caregiver.sent.size} sent, ${caregiver.answered} answered, ${caregiver.done} done`,
    'alerts',
    ...alerts,
    '',
    'Ctrl-C ends it.',
  ];
}
