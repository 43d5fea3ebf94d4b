// The ROS subscription of one channel: finds the publishers, subscribes with a matching type and quality of service, and again when the
// publishers change. An error disables only this channel, is a problem while it lasts, and is shown in the status.

import { messageOf } from '../../base/index.ts';
import type { LoadedConfig } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { fullName, type RosMessage, type RosNode, type RosSubscription } from '../../ros/index.ts';
import { type Channel, isSame, match, type Offer, Rate, type Wanted } from '../../sensing/index.ts';
import type { ChannelStatus, Problems } from '../../status/index.ts';
import { configured } from '../config/located.ts';
import { LARGE_BYTES, paceOf } from './pace.ts';

export interface SubscriptionParts {
  readonly channel: Channel;
  /** Absolute. */
  readonly topic: string;
  readonly ros: RosNode;
  readonly problems: Problems;
  readonly place: LoadedConfig['place'];
  readonly onMessage: (message: RosMessage) => void;
}

/** The node name in the ROS graph while a node starts or ends. */
const UNNAMED = '_NODE_NAME_UNKNOWN_';

export class ChannelSubscription {
  readonly channel: Channel;
  readonly #parts: SubscriptionParts;
  #wanted: Wanted | undefined;
  #subscription: RosSubscription | undefined;
  #whyOff: string | undefined;
  #offers: readonly Offer[] = [];
  /** The publishing nodes when their names were last known. */
  #names: readonly string[] = ['somebody'];
  /** Nodes that published and have ended. */
  #vanished: readonly string[] = [];
  #dropped = 0;
  #isLarge = false;
  readonly #rate = new Rate();

  constructor(parts: SubscriptionParts) {
    this.channel = parts.channel;
    this.#parts = parts;
  }

  /** Compares the publishers with the subscription. Cheap; called regularly. */
  look(nowMs: number): void {
    this.#rate.observe(nowMs, this.channel.messages);
    const { ros, topic, channel } = this.#parts;
    const offers = ros.publishersOf(topic).map((endpoint) => ({ ...endpoint, node: fullName(endpoint) }));
    if (offers.length > 0) this.#vanished = [];
    else if (this.#offers.length > 0) this.#vanished = this.#names;
    this.#offers = offers;
    const names = offers.map(({ node }) => node).filter((node) => !node.endsWith(UNNAMED));
    if (names.length > 0) this.#names = names;
    const found = match(channel.config, offers);
    this.#report('channel_type_mismatch', found.types);
    this.#report('channel_qos_incompatible', found.qos);
    if (found.wanted === undefined) return;
    const isLarge = found.wanted.type === this.#wanted?.type && (this.#isLarge || (this.#subscription?.largest ?? 0) >= LARGE_BYTES);
    if (this.#subscription && isLarge === this.#isLarge && isSame(found.wanted, this.#wanted)) return;
    this.#close();
    this.#wanted = found.wanted;
    this.#isLarge = isLarge;
    this.#subscribe(found.wanted);
  }

  /** Whether the topic had a publisher at the last check. */
  get isPublished(): boolean {
    return this.#offers.length > 0;
  }

  /** Why no message comes, for a person: no publisher yet, the publisher has ended, or it is silent (DDS notices a death after 20 s). */
  get whySilent(): string {
    const { topic } = this.#parts;
    if (this.#whyOff !== undefined) return this.#whyOff;
    if (this.#offers.length > 0)
      return `${this.#offers.map(({ node }) => node).join(', ')} is there on ${topic}, or died in the last 20 s, and nothing of it is heard`;
    if (this.#vanished.length > 0) return `${this.#vanished.join(', ')} published on ${topic} and is gone`;
    return `nobody publishes on ${topic}`;
  }

  status(nowMs: number): ChannelStatus {
    const dropped = this.#dropped + (this.#subscription?.dropped ?? 0);
    const heard = this.channel.status(nowMs);
    const state =
      this.#whyOff !== undefined ? 'off' : this.#offers.length > 0 ? 'published' : this.#vanished.length > 0 ? 'vanished' : 'waiting';
    const isWell = state === 'published' && heard.age_ms !== null && !heard.silent;
    return { ...heard, rate_hz: this.#rate.hz, type: this.#wanted?.type ?? null, state, reason: isWell ? null : this.whySilent, dropped };
  }

  close(): void {
    this.#close();
    for (const code of [
      'channel_off',
      'channel_type_mismatch',
      'channel_qos_incompatible',
      'channel_unreadable',
      'sensor_silent',
    ] as const) {
      this.#parts.problems.clear(code, this.channel.name);
    }
  }

  #subscribe({ type, qos }: Wanted): void {
    const { channel, topic, ros, place, onMessage } = this.#parts;
    const pace = paceOf(channel.config, qos, this.#isLarge);
    const onError = (error: Error) => this.#report('channel_unreadable', messageOf(error));
    try {
      this.#subscription = configured(place, ['channels', channel.name, 'type'], () =>
        ros.subscribe({ topic, type, onMessage, onError, ...pace }),
      );
      this.#whyOff = undefined;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.#whyOff = error.line;
    }
    this.#report('channel_off', this.#whyOff);
  }

  #close(): void {
    // Samples that still wait count too.
    this.#subscription?.poll();
    this.#dropped += this.#subscription?.dropped ?? 0;
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  #report(
    code: 'channel_off' | 'channel_type_mismatch' | 'channel_qos_incompatible' | 'channel_unreadable',
    what: string | undefined,
  ): void {
    const { problems, channel, topic } = this.#parts;
    if (what === undefined) problems.clear(code, channel.name);
    else problems.raise(code, `${channel.name} (${topic}): ${what}`, channel.name);
  }
}
