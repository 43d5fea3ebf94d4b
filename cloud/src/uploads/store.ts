// The object store, S3 or one that speaks like it; the one file that knows the AWS SDK. A URL to put something carries in its
// signature all that may vary: method, key, type, length, hash, and that nothing is there yet. Whoever has it can store exactly
// that one object.
import { createHash } from 'node:crypto';
import { GetObjectCommand, HeadBucketCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

/** How long a URL is good for. It dies earlier with temporary credentials that it was signed by. */
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
  /** To be sent exactly so. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface StoreOptions {
  readonly bucket: string;
  /** Null: AWS, by the SDK's own variables. */
  readonly endpoint?: string | null;
  /** Null: the SDK's own variables, files and roles. */
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
      // Other stores than AWS have no host name for each bucket.
      ...(endpoint && { endpoint, forcePathStyle: true }),
      // Else the SDK signs a checksum of the body that a URL has none of.
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
    // S3 reads these from headers only: in the query they would be signed and not looked at.
    const url = await getSignedUrl(this.#client, command, { expiresIn: lifetimeS, signableHeaders: names, unhoistableHeaders: names });
    return { url, headers };
  }

  signGet(key: string, lifetimeS = URL_LIFETIME_S): Promise<string> {
    return getSignedUrl(this.#client, new GetObjectCommand({ Bucket: this.#bucket, Key: key }), { expiresIn: lifetimeS });
  }

  /** Whether exactly this object is there. @returns null where it is, else what is wrong. @throws where the store does not answer. */
  async whyNotStored({ key, size, sha256 }: StoredObject): Promise<string | null> {
    const where = { Bucket: this.#bucket, Key: key };
    try {
      const head = await this.#client.send(new HeadObjectCommand({ ...where, ChecksumMode: 'ENABLED' }));
      if (head.ContentLength !== size) return `the store has ${head.ContentLength} bytes, announced were ${size}`;
      const hash = head.ChecksumSHA256 ?? (await this.#hashOf(key));
      return hash === base64(sha256) ? null : 'the store has something of another hash';
    } catch (error) {
      if (isMissing(error)) return 'the store has no such object';
      throw error;
    }
  }

  /** Whether there is this bucket, for these credentials. @throws the SDK's error where not. */
  async look(): Promise<void> {
    await this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }));
  }

  close(): void {
    this.#client.destroy();
  }

  /** Of a store that keeps no checksums: by reading it, which at most 20 MiB allow. */
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
