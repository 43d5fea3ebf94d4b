// On which topics the broker takes what this robot publishes: its rights, as they turn out.

export class TopicAnswers {
  readonly #refused = new Map<string, boolean>();

  /** @param error what the broker said in place of an acknowledgement. */
  note(topic: string, error: Error | undefined): void {
    this.#refused.set(topic, error !== undefined);
  }

  status(): { acknowledged: string[]; refused: string[] } {
    const topics = [...this.#refused].sort(([a], [b]) => a.localeCompare(b));
    const those = (wanted: boolean) => topics.filter(([, refused]) => refused === wanted).map(([topic]) => topic);
    return { acknowledged: those(false), refused: those(true) };
  }
}
