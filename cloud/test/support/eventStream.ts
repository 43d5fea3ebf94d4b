// Client of server-sent events that records all events. Unlike a browser's EventSource it sends an Authorization header.
export interface StreamEvent {
  readonly id: string | null;
  readonly name: string;
  readonly data: Record<string, unknown>;
}

export class EventStream {
  readonly status: number;
  readonly headers: Headers;
  readonly events: StreamEvent[] = [];
  /** The number of received comments. */
  heartbeats = 0;
  /** Resolves when the server ends the stream. */
  readonly ended: Promise<void>;
  readonly #leaving: AbortController;
  readonly #heard: (event: StreamEvent) => void;
  #waiting: (() => void)[] = [];

  private constructor(answer: Response, leaving: AbortController, heard: (event: StreamEvent) => void) {
    this.#heard = heard;
    this.status = answer.status;
    this.headers = answer.headers;
    this.#leaving = leaving;
    this.ended = this.#read(answer);
  }

  /** @param heard called for each event. */
  static async open(
    url: string,
    token: string | null,
    lastEventId?: string,
    heard: (event: StreamEvent) => void = () => {},
  ): Promise<EventStream> {
    const leaving = new AbortController();
    const headers = {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    };
    return new EventStream(await fetch(url, { headers, signal: leaving.signal }), leaving, heard);
  }

  get lastId(): string {
    return this.events.findLast(({ id }) => id !== null)?.id ?? '';
  }

  /** Waits for an event that fits. Earlier events count too. */
  async event(name: string, fits: (data: Record<string, unknown>) => boolean = () => true): Promise<StreamEvent> {
    for (;;) {
      const found = this.events.find((event) => event.name === name && fits(event.data));
      if (found) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async leave(): Promise<void> {
    this.#leaving.abort();
    await this.ended;
  }

  async #read(answer: Response): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    try {
      for await (const chunk of answer.body ?? []) {
        text += decoder.decode(chunk as Uint8Array, { stream: true });
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) this.#take(block);
        for (const wake of this.#waiting.splice(0)) wake();
      }
    } catch (error) {
      if (!this.#leaving.signal.aborted) throw error;
    }
  }

  #take(block: string): void {
    if (block.startsWith(':')) this.heartbeats++;
    const fields = new Map(
      block.split('\n').map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
    );
    const data = fields.get('data');
    if (data === undefined) return;
    const event = { id: fields.get('id') ?? null, name: fields.get('event') ?? '', data: JSON.parse(data) as StreamEvent['data'] };
    this.events.push(event);
    this.#heard(event);
  }
}
