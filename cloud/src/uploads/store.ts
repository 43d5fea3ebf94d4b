// Signs URLs for the object store, and verifies stored objects. The store is S3 or a compatible server. Only this file uses the AWS SDK.
// The signature of a PUT covers method, key, type, length, hash, and the condition that the key is unused. So the holder of the URL can
// store exactly this one object.
import { createHash } from 'node:crypto';
import { GetObjectCommand, HeadBucketCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

/** Lifetime of a URL. It ends earlier if the temporary credentials of its signature expire. */
export const URL_LIFETIME_S = 300;

export interface StoredObject {
  readonly key: string;
  readonly contentType: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface SignedPut {
  readonly url: string;
  /** The client must send these headers unchanged. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface StoreOptions {
  readonly bucket: string;
  /** Null means AWS, configured by the SDK's own variables. */
  readonly endpoint?: string | null;
  /** Null means that the SDK uses its own variables, files and roles. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
  readonly region?: string | null;
}

export class ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor({ bucket, endpoint, credentials, region }: StoreOptions) {
    this.#bucket = bucket;
    this.#client = new S3Client({
      ...(region && { region }),
      ...(credentials && { credentials }),
      // Unlike AWS, other stores do not have a host name for each bucket.
      ...(endpoint && { endpoint, forcePathStyle: true }),
      // By default, the SDK signs a checksum of the body, but a presigned URL has no body.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  async signPut({ key, contentType, size, sha256 }: StoredObject, lifetimeS = URL_LIFETIME_S): Promise<SignedPut> {
    const headers = {
      'content-type': contentType,
      'content-length': String(size),
      'x-amz-checksum-sha256': base64(sha256),
      'if-none-match': '*',
    };
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      ContentType: contentType,
      ContentLength: size,
      ChecksumSHA256: headers['x-amz-checksum-sha256'],
      IfNoneMatch: '*',
    });
    const names = new Set(Object.keys(headers));
    // S3 reads these values only from headers. In the query they would be signed but ignored.
    const url = await getSignedUrl(this.#client, command, { expiresIn: lifetimeS, signableHeaders: names, unhoistableHeaders: names });
    return { url, headers };
  }

  signGet(key: string, lifetimeS = URL_LIFETIME_S): Promise<string> {
    return getSignedUrl(this.#client, new GetObjectCommand({ Bucket: this.#bucket, Key: key }), { expiresIn: lifetimeS });
  }

  /** @returns null if the store has exactly this object, else the difference. @throws if the store does not answer. */
  async verify({ key, size, sha256 }: StoredObject): Promise<string | null> {
    const address = { Bucket: this.#bucket, Key: key };
    try {
      const head = await this.#client.send(new HeadObjectCommand({ ...address, ChecksumMode: 'ENABLED' }));
      if (head.ContentLength !== size) return `the stored object has ${head.ContentLength} bytes instead of the announced ${size}`;
      const hash = head.ChecksumSHA256 ?? (await this.#hashOf(key));
      return hash === base64(sha256) ? null : 'the stored object has another hash';
    } catch (error) {
      if (isMissing(error)) return 'the store does not have this object';
      throw error;
    }
  }

  /** @throws the SDK's error if the bucket does not exist or does not accept the credentials. */
  async requireBucket(): Promise<void> {
    await this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }));
  }

  close(): void {
    this.#client.destroy();
  }

  /** Reads the object, for a store without checksums. An object has at most 20 MiB. */
  async #hashOf(key: string): Promise<string> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
    return createHash('sha256').update(bytes).digest('base64');
  }
}

function base64(hexadecimal: string): string {
  return Buffer.from(hexadecimal, 'hex').toString('base64');
}

function isMissing(error: unknown): boolean {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  return name === 'NotFound' || name === 'NoSuchKey' || $metadata?.httpStatusCode === 404;
}
