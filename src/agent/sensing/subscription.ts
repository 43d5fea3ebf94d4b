// Subscribes channels to their topics with the type and QoS that the publishers offer, and subscribes again if the publishers change. An
// error affects only its own channel and is a problem while it lasts.
import { messageOf } from '../../base/index.ts';
import { inWords, type LoadedConfig } from '../../config/index.ts';
import type { ConfigFinding } from '../../configCheck/index.ts';
import { AgentError } from '../../errors.ts';
import {
  isNamed,
  isSame,
  match,
  namedPublishers,
  type Offer,
  type RosMessage,
  type RosNode,
  type RosSubscription,
  type Wanted,
} from '../../ros/index.ts';
import { type Channel, flappingText, type LimitedChannel, Rate, reasonText, type Unusable } from '../../sensing/index.ts';
import type { ChannelStatus, Problems } from '../../status/index.ts';
import { LARGE_BYTES, paceOf } from './pace.ts';

/**
 * Runs `create` for the configuration entry at `path`. @throws the error of `create`. An AgentError also gets the file, line and column.
 */
export function configured<T>(place: LoadedConfig['place'], path: readonly string[], create: () => T): T {
  try {
    return create();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const text = `${place(path)}: ${path.join('.')}: ${error.message}`;
    throw new AgentError(error.code, text, { ...(error.remedy ? { remedy: error.remedy } : {}), cause: error, fields: error.fields });
  }
}

export interface ChannelSubscriptionParts {
  readonly limited: LimitedChannel;
  /** An absolute topic name. */
  readonly topic: string;
  readonly ros: RosNode;
  readonly problems: Problems;
  readonly place: LoadedConfig['place'];
  /** Why no message can raise the channel's alert, by the definition of its type. */
  readonly contradiction: Pick<ConfigFinding, 'reason' | 'suggestion'> | undefined;
  readonly onMessage: (message: RosMessage) => void;
  /** Called with a message after a newer one of its publisher. */
  readonly onLate: (message: RosMessage) => void;
  /** @returns a question that names the topic that was probably meant; undefined if none fits. */
  readonly meant: () => string | undefined;
  /** Called with the reason if a message could not be decoded. */
  readonly onUnreadable: (reason: string) => void;
}

/** Problems of a single subscription. All of them end with the channel. */
const PROBLEMS = [
  'channel_off',
  'channel_type_mismatch',
  'channel_definition_differs',
  'channel_qos_incompatible',
  'channel_keeps_nothing',
  'channel_unreadable',
] as const;

export class ChannelSubscription {
  readonly channel: Channel;
  readonly limited: LimitedChannel;
  readonly #parts: ChannelSubscriptionParts;
  #wanted: Wanted | undefined;
  #subscription: RosSubscription | undefined;
  #offReason: string | undefined;
  #offers: readonly Offer[] = [];
  /** The publishing nodes, as of the last check at which their names were known. */
  #names: readonly string[] = ['a node'];
  /** Nodes that used to publish and have ended. Empty if anything is published now. */
  #vanished: readonly string[] = [];
  /** Dropped samples of earlier subscriptions. */
  #dropped = 0;
  #isLarge = false;
  /** How the publishers differ from the subscription. */
  #mismatch: string | undefined;
  /** Why no publisher is heard. */
  #unheard: string | undefined;
  #reportedSilent = false;
  #isFlapping = false;
  #reportedUnusable: Unusable | undefined;
  readonly #rate = new Rate();

  constructor(parts: ChannelSubscriptionParts) {
    this.channel = parts.limited.channel;
    this.limited = parts.limited;
    this.#parts = parts;
  }

  /** Compares the publishers with the subscription. Must be called regularly; each call is cheap. */
  checkPublishers(nowMs: number): void {
    this.#rate.observe(nowMs, this.channel.messages);
    const { channel } = this;
    const { ros, topic } = this.#parts;
    const offers = namedPublishers(ros, topic);
    if (offers.length > 0) this.#vanished = [];
    else if (this.#offers.length > 0) this.#vanished = this.#names;
    this.#offers = offers;
    const names = offers.map(({ node }) => node).filter(isNamed);
    if (names.length > 0) this.#names = names;
    const { wanted, types, qos, unheard, definition, unkept } = match({ ...channel.config, type: this.#typeAmong(offers) }, offers);
    this.#unheard = unheard;
    this.#setProblem('channel_type_mismatch', types);
    this.#setProblem('channel_definition_differs', definition);
    this.#setProblem('channel_qos_incompatible', qos);
    this.#setProblem('channel_keeps_nothing', unkept);
    this.#mismatch = types ?? definition ?? qos;
    if (wanted) this.#keepSubscribed(wanted);
    this.#block(nowMs);
    this.reportFaults();
  }

  #block(nowMs: number): void {
    const { channel } = this;
    const { contradiction } = this.#parts;
    const blocked = this.#blockedReason;
    // A usable message disproves a contradiction: its publisher may have another definition of the type.
    const isContradicted = blocked === undefined && contradiction !== undefined && channel.usableAgeMs(nowMs) === undefined;
    if (isContradicted) channel.block(contradiction.reason, nowMs, contradiction.suggestion);
    // While no publisher has been discovered, it is not known whether one can be heard.
    else if (blocked !== undefined || this.isPublished || this.#vanished.length > 0) channel.block(blocked, nowMs);
  }

  /** A publisher of another type must not silence the one that is heard already. */
  #typeAmong(offers: readonly Offer[]): string | undefined {
    const heard = offers.find(({ type }) => type === this.#wanted?.type)?.type;
    return this.channel.config.type ?? heard;
  }

  #keepSubscribed(wanted: Wanted): void {
    const { channel } = this;
    // An alert is received at once whatever its size, so nothing would change, and latched samples would arrive again.
    const canBeLarge = channel.config.class !== 'alert' && wanted.type === this.#wanted?.type;
    const isLarge = canBeLarge && (this.#isLarge || (this.#subscription?.largest ?? 0) >= LARGE_BYTES);
    if (this.#subscription && isLarge === this.#isLarge && isSame(wanted, this.#wanted)) return;
    this.#close();
    this.#wanted = wanted;
    this.#isLarge = isLarge;
    this.#subscribe(wanted);
  }

  /** Whether the topic had a publisher at the last check. */
  get isPublished(): boolean {
    return this.#offers.length > 0;
  }

  /** Explains why no messages arrive. DDS needs 20 s to notice that a publisher has died, so a listed publisher may be gone. */
  get silenceReason(): string {
    const { topic } = this.#parts;
    if (this.#offReason !== undefined) return this.#offReason;
    if (this.#mismatch !== undefined && this.channel.messages === 0) return this.#mismatch;
    const nodes = this.#offers.map(({ node }) => node).join(', ');
    const hint = this.channel.config.event ? '; if it reports only events, remove max_silence' : '';
    if (this.isPublished) return `no message from ${nodes} on ${topic}; the publisher is silent or ended in the last 20 s${hint}`;
    if (this.#vanished.length > 0) return `${this.#vanished.join(', ')} published on ${topic} and has ended`;
    const meant = this.#parts.meant();
    return `no node publishes on ${topic}${meant === undefined ? '' : `; ${meant}`}`;
  }

  /** Why no message can arrive although the configuration wants the topic. */
  get #blockedReason(): string | undefined {
    return this.#offReason ?? this.#unheard;
  }

  /** Explains why the messages are unusable, with the raw value and a configuration that would work. Undefined if they are usable. */
  get unusableReason(): string | undefined {
    const { unusable } = this.channel;
    if (unusable === undefined) return undefined;
    const { suggestion } = unusable;
    return `${reasonText(unusable)}${suggestion === null ? '' : `; ${inWords(suggestion)}`}`;
  }

  /** Raises or clears the problems for silence, for unusable messages, and for alerts that flap. */
  reportFaults(): void {
    const { channel } = this;
    const { silent, unusable } = channel;
    this.#reportFlapping();
    if (silent === this.#reportedSilent && unusable === this.#reportedUnusable) return;
    this.#reportedSilent = silent;
    this.#reportedUnusable = unusable;
    const { problems, topic } = this.#parts;
    problems.set('sensor_silent', silent ? `${channel.name}: ${this.unusableReason ?? this.silenceReason}` : undefined, channel.name);
    // Another problem names a topic that cannot be read.
    const isReported = unusable === undefined || unusable.reason === this.#blockedReason;
    const text = isReported ? undefined : `${channel.name} (${topic}): ${this.unusableReason}`;
    problems.set('channel_unusable', text, channel.name, channel.config.class === 'alert' ? 'critical' : undefined);
  }

  #reportFlapping(): void {
    const { limited, channel } = this;
    const { flapping } = limited;
    if (flapping.length === 0 && !this.#isFlapping) return;
    this.#isFlapping = flapping.length > 0;
    this.#parts.problems.set('channel_flapping', flappingText(flapping, channel.config), channel.name);
  }

  status(nowMs: number): ChannelStatus {
    const dropped = this.#dropped + droppedBy(this.#subscription);
    const received = this.channel.status(nowMs);
    const state =
      this.#offReason !== undefined ? 'off' : this.isPublished ? 'published' : this.#vanished.length > 0 ? 'vanished' : 'waiting';
    const mayBeQuiet = received.age_ms !== null || this.channel.config.event;
    const isReceiving = state === 'published' && mayBeQuiet && !received.silent;
    const reason = this.unusableReason ?? (isReceiving ? null : this.silenceReason);
    const health = healthOf(state, received, this.#unheard !== undefined || (this.#mismatch !== undefined && received.messages === 0));
    return { ...received, rate_hz: this.#rate.hz, type: this.#wanted?.type ?? null, state, health, reason, dropped };
  }

  close(): void {
    this.#close();
    for (const code of [...PROBLEMS, 'sensor_silent', 'channel_unusable', 'channel_flapping'] as const)
      this.#parts.problems.clear(code, this.channel.name);
  }

  #subscribe({ type, qos }: Wanted): void {
    const { channel } = this;
    const { topic, ros, place, onMessage, onLate } = this.#parts;
    const pace = paceOf(channel.config, qos, this.#isLarge);
    const onError = (error: Error) => {
      this.#setProblem('channel_unreadable', messageOf(error));
      // Other errors are faults of the agent, not of the message.
      if (error instanceof AgentError && error.code === 'ROS_MESSAGE_INVALID') this.#parts.onUnreadable(messageOf(error));
    };
    try {
      this.#subscription = configured(place, ['channels', channel.name, 'type'], () =>
        ros.subscribe({ topic, type, onMessage, onLate, onError, ...pace }),
      );
      this.#offReason = undefined;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.#offReason = error.line;
    }
    this.#setProblem('channel_off', this.#offReason);
  }

  #close(): void {
    // Take the samples that are still waiting, because closing the subscription would drop them.
    this.#subscription?.poll();
    this.#dropped += droppedBy(this.#subscription);
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  #setProblem(code: (typeof PROBLEMS)[number], text: string | undefined): void {
    const { channel } = this;
    const { problems, topic } = this.#parts;
    const isDeaf = channel.config.class === 'alert' && (code === 'channel_off' || text === this.#unheard);
    const shown = text === undefined ? undefined : `${channel.name} (${topic}): ${text}`;
    problems.set(code, shown, channel.name, isDeaf ? 'critical' : undefined);
  }
}

/** Samples dropped above the rate limit, by DDS, or on the way. */
function droppedBy(subscription: RosSubscription | undefined): number {
  return subscription === undefined ? 0 : subscription.dropped + subscription.lost;
}

function healthOf(
  state: ChannelStatus['state'],
  { unusable, silent }: Pick<ChannelStatus, 'unusable' | 'silent'>,
  isMismatched: boolean,
): ChannelStatus['health'] {
  if (state === 'off') return 'off';
  if (unusable !== null || (isMismatched && state === 'published')) return 'unusable';
  if (silent) return 'silent';
  return state === 'published' ? 'ok' : 'waiting';
}
