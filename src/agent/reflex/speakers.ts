// Publishes the reflex's messages. The publishers are created long before an emergency, so that their subscriptions are discovered and a fault
// is found in time.
import { messageOf } from '../../base/index.ts';
import { type Announcement, announcementsOf, type LoadedConfig, type ReflexConfig } from '../../config/index.ts';
import { checkReflex, EntryFindings, installedHere } from '../../configCheck/index.ts';
import { AgentError } from '../../errors.ts';
import type { RosNode, RosPublisher } from '../../ros/index.ts';
import { configured } from '../sensing/subscription.ts';

export type Kind = 'message' | 'message_confirmed' | 'message_cleared';

interface Speaker extends Announcement {
  readonly publisher: RosPublisher;
}

export class Speakers {
  #all: readonly Speaker[] = [];
  /** The speakers that had a subscription at the last {@link look}. */
  #heard: ReadonlySet<Speaker> = new Set();
  /** The speakers that had a subscription at the last two looks. */
  #ready: ReadonlySet<Speaker> = new Set();
  #fault: string | undefined;

  /** Why the messages cannot be published; undefined if they can. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Replaces the publishers. If the configuration does not fit the machine, {@link fault} says why. */
  open(reflex: ReflexConfig | null, ros: RosNode, layers: Omit<LoadedConfig, 'config'>): void {
    for (const { publisher } of this.#all) publisher.close();
    [this.#all, this.#heard, this.#ready, this.#fault] = [[], new Set(), new Set(), undefined];
    if (reflex === null) return;
    const findings = new EntryFindings(['reflex'], layers);
    const definitions = installedHere();
    if (definitions) checkReflex(reflex, definitions, findings);
    const found = findings.list.find(({ severity }) => severity === 'error');
    if (found) {
      this.#fault = `${layers.place(found.path)}: ${found.reason}`;
      return;
    }
    try {
      this.#all = announcementsOf(reflex).map((each) => {
        const publisher = configured(layers.place, ['reflex', 'type'], () => ros.advertise(each.topic, each.type, each.qos));
        return { ...each, publisher };
      });
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.#fault = error.line;
    }
  }

  /** Finds out which messages would be heard. */
  look(): void {
    const heard = new Set(this.#all.filter(isHeard));
    // DDS matches the publisher a moment before the subscription, so a message to a subscription that has just appeared may get lost.
    this.#ready = new Set([...heard].filter((speaker) => this.#heard.has(speaker)));
    this.#heard = heard;
  }

  /** Topics without a subscription. */
  get unheard(): string[] {
    return this.#all.flatMap((speaker) => (isHeard(speaker) ? [] : [speaker.topic]));
  }

  /** Whether some message of this kind would be heard. */
  isHeard(kind: Kind): boolean {
    return this.#having(kind).some((speaker) => this.#ready.has(speaker));
  }

  /** Whether all messages of this kind would be heard. */
  isHeardByAll(kind: Kind): boolean {
    return this.#having(kind).every((speaker) => this.#ready.has(speaker));
  }

  /** @returns whether a message was published. Afterwards, {@link fault} says why one was not. */
  publish(kind: Kind): boolean {
    const speakers = this.#having(kind);
    const failures = speakers.flatMap(({ publisher, [kind]: message = {} }) => {
      try {
        publisher.publish(message);
        return [];
      } catch (error) {
        return [messageOf(error)];
      }
    });
    if (speakers.length > 0) this.#fault = failures[0];
    return failures.length < speakers.length;
  }

  #having(kind: Kind): readonly Speaker[] {
    return this.#all.filter((speaker) => speaker[kind] !== undefined);
  }
}

/** A latched publisher keeps its message for subscriptions that come later. */
function isHeard({ publisher, qos }: Speaker): boolean {
  return publisher.subscribers > 0 || qos.durability === 'transient_local';
}
