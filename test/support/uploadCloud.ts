// The cloud's own uploads behind a server of this process: its device tokens, its rows on PGlite and an object store, with a proxy
// between the robot and the store. Tests and campaigns tell both sides what goes wrong.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Devices } from '../../cloud/src/auth/devices.ts';
import type { Database } from '../../cloud/src/database/database.ts';
import { migrate } from '../../cloud/src/database/migrate.ts';
import { pgliteDatabase } from '../../cloud/src/database/pglite.ts';
import { HttpError } from '../../cloud/src/http/errors.ts';
import { uploadRequest } from '../../cloud/src/uploads/kinds.ts';
import { ObjectStore } from '../../cloud/src/uploads/store.ts';
import { Uploads } from '../../cloud/src/uploads/uploads.ts';
import { BUCKET, findVersitygw, REGION, startS3rver, startVersitygw, type TestStore } from '../../cloud/test/support/objectStore.ts';
import { ObjectProxy } from './objectProxy.ts';

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

const DAILY_BYTES = 1024 ** 3;

export class UploadCloud {
  readonly db: Database;
  readonly proxy: ObjectProxy;
  readonly #server: Server;
  readonly #store: ObjectStore;
  readonly #objects: TestStore;
  readonly #uploads: Uploads;
  /** While set, every request is answered so. */
  outage: Reply | null = null;
  /** How far this cloud's clock is ahead of the machine's. */
  aheadMs = 0;
  asked = 0;

  private constructor(db: Database, objects: TestStore, proxy: ObjectProxy) {
    this.db = db;
    this.proxy = proxy;
    this.#objects = objects;
    this.#store = new ObjectStore({ bucket: BUCKET, endpoint: proxy.url, credentials: objects.credentials, region: REGION });
    this.#uploads = new Uploads({ db, store: this.#store, dailyBytes: DAILY_BYTES });
    this.#server = createServer((asked, answer) => {
      this.asked++;
      void this.#reply(asked).then(({ status, body }) =>
        answer
          .writeHead(status, { 'content-type': 'application/json', date: new Date(Date.now() + this.aheadMs).toUTCString() })
          .end(JSON.stringify(body)),
      );
    });
  }

  static async start(): Promise<UploadCloud> {
    const objects = await (findVersitygw() ? startVersitygw() : startS3rver());
    const db = await pgliteDatabase('memory:');
    await migrate(db);
    const cloud = new UploadCloud(db, objects, await ObjectProxy.start(objects.endpoint));
    await new Promise<void>((resolve) => cloud.#server.listen(0, '127.0.0.1', resolve));
    return cloud;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Whether exactly this is in the bucket; null where it is, else why not. */
  whyNotStored(key: string, size: number, sha256: string): Promise<string | null> {
    return this.#store.whyNotStored({ key, contentType: '', size, sha256 });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#store.close();
    await this.proxy.stop();
    await this.#objects.stop();
    await this.db.close();
  }

  async #reply(asked: IncomingMessage): Promise<Reply> {
    if (this.outage) return this.outage;
    try {
      const nowMs = () => Date.now() + this.aheadMs;
      const devices = new Devices({ db: this.db, audience: () => this.origin, ca: null, nowMs });
      const thing = await devices.authenticate(asked.headers.authorization);
      const request = uploadRequest.safeParse(JSON.parse(await text(asked)));
      if (!request.success) return { status: 422, body: { detail: request.error.message } };
      const answer = await this.#uploads.announce(thing, request.data);
      return 'status' in answer ? { status: answer.status, body: { detail: answer.why } } : { status: 200, body: answer };
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      return { status: error.statusCode, body: { detail: error.message } };
    }
  }
}
