// Runs the cloud's own routes in this process, on PGlite and an object store, with a proxy between robot and store. Tests and campaigns
// script the faults of both.
import { X509Certificate } from 'node:crypto';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { fingerprintOf } from '../../cloud/src/auth/certificates.ts';
import type { Database } from '../../cloud/src/database/database.ts';
import { migrate } from '../../cloud/src/database/migrate.ts';
import { pgliteDatabase } from '../../cloud/src/database/pglite.ts';
import { postgresDatabase } from '../../cloud/src/database/postgres.ts';
import { ObjectStore } from '../../cloud/src/uploads/store.ts';
import { Uploads } from '../../cloud/src/uploads/uploads.ts';
import { Api } from '../../cloud/test/support/api.ts';
import {
  BUCKET,
  findVersitygw,
  namesIn,
  REGION,
  startS3rver,
  startVersitygw,
  type TestStore,
} from '../../cloud/test/support/objectStore.ts';
import { ObjectProxy } from './objectProxy.ts';
import { type TlsFiles, TlsFront } from './tlsFront.ts';

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

export const DAILY_BYTES = 1024 ** 3;

export class UploadCloud {
  readonly db: Database;
  readonly proxy: ObjectProxy;
  readonly #api: Api;
  readonly #store: ObjectStore;
  readonly #objects: TestStore;
  /** The answer to every request while it is set. */
  outage: Reply | null = null;
  /** How far this cloud's clock is ahead of the machine's. */
  aheadMs = 0;
  asked = 0;
  #origin = '';
  #fronts: readonly TlsFront[] = [];

  private constructor(db: Database, objects: TestStore, proxy: ObjectProxy, store: ObjectStore, api: Api) {
    this.db = db;
    this.proxy = proxy;
    this.#objects = objects;
    this.#store = store;
    this.#api = api;
  }

  /**
   * @param databaseUrl of a PostgreSQL server; PGlite by default.
   * @param remote the address for robots on another machine, to whom both API and store need TLS.
   */
  static async start(databaseUrl?: string, remote?: { readonly host: string; readonly files: TlsFiles }): Promise<UploadCloud> {
    const front = (url: string) => (remote ? TlsFront.start(url, remote.host, remote.files) : undefined);
    const objects = await (findVersitygw() ? startVersitygw() : startS3rver());
    const db = databaseUrl === undefined ? await pgliteDatabase('memory:') : postgresDatabase({ url: databaseUrl });
    await migrate(db);
    const proxy = await ObjectProxy.start(objects.endpoint);
    const storeFront = await front(proxy.url);
    const storeAt = (endpoint: string) => new ObjectStore({ bucket: BUCKET, endpoint, credentials: objects.credentials, region: REGION });
    const store = storeAt(proxy.url);
    if (storeFront) {
      // This process does not trust the front's certificate, so that only the robots use it.
      const signing = storeAt(storeFront.url);
      store.signPut = (object, lifetimeS) => signing.signPut(object, lifetimeS);
    }
    const api = await Api.open(db, {
      uploads: new Uploads({ db, store, dailyBytes: DAILY_BYTES }),
      device: { audience: () => cloud.origin, nowMs: () => Date.now() + cloud.aheadMs },
    });
    const cloud = new UploadCloud(db, objects, proxy, store, api);
    api.app.addHook('onRequest', async (_request, reply) => {
      cloud.asked++;
      reply.header('date', new Date(Date.now() + cloud.aheadMs).toUTCString());
      return cloud.outage ? reply.code(cloud.outage.status).send(cloud.outage.body) : undefined;
    });
    const origin = await api.app.listen({ host: '127.0.0.1', port: 0 });
    const apiFront = await front(origin);
    cloud.#origin = apiFront?.url ?? origin;
    cloud.#fronts = [storeFront, apiFront].filter((each) => each !== undefined);
    return cloud;
  }

  get origin(): string {
    return this.#origin;
  }

  /** @returns null if the bucket has exactly this object, else the reason. */
  whyNotStored(key: string, size: number, sha256: string): Promise<string | null> {
    return this.#store.verify({ key, contentType: '', size, sha256 });
  }

  /** Registers a robot's certificate with the cloud. */
  async know(thing: string, certificate: string): Promise<void> {
    const fingerprint = fingerprintOf(new X509Certificate(certificate));
    const row = [fingerprint, thing, certificate];
    await this.db.query('insert into device_certificates (fingerprint, thing, certificate) values ($1, $2, $3)', row);
  }

  /** A presigned URL for a PUT without the checks of the cloud's own URLs. */
  plainPut(key: string): Promise<string> {
    const client = new S3Client({ endpoint: this.proxy.url, region: REGION, forcePathStyle: true, credentials: this.#objects.credentials });
    return getSignedUrl(client, new PutObjectCommand({ Bucket: BUCKET, Key: key }), { expiresIn: 3_600 });
  }

  /** The stored objects of one kind, newest first. */
  async stored(kind: string): Promise<{ readonly incident: string | null; readonly content_type: string; readonly bytes: Buffer }[]> {
    const query = `select incident, content_type, object_key from uploads where kind = $1 and state = 'stored' order by taken_at desc`;
    const rows = await this.db.query<{ incident: string | null; content_type: string; object_key: string }>(query, [kind]);
    return Promise.all(
      rows.map(async ({ incident, content_type, object_key }) => {
        const answer = await fetch(await this.#store.signGet(object_key));
        return { incident, content_type, bytes: Buffer.from(await answer.arrayBuffer()) };
      }),
    );
  }

  /** The names of all objects in the bucket. */
  names(): Promise<string[]> {
    return namesIn(this.#objects);
  }

  /** The bytes of an object. */
  async bytesOf(name: string): Promise<Buffer> {
    return Buffer.from(await (await fetch(await this.#store.signGet(name))).arrayBuffer());
  }

  async stop(): Promise<void> {
    for (const front of this.#fronts) front.stop();
    this.#api.app.server.closeAllConnections();
    await this.#api.close();
    this.#store.close();
    await this.proxy.stop();
    await this.#objects.stop();
    await this.db.close();
  }
}
