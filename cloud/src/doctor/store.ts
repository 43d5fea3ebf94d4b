// Checks the bucket: it exists and accepts the credentials. The check writes nothing.
import { isEncryptedOrLocal, messageOf } from '../../../src/base/index.ts';
import type { Environment } from '../settings/index.ts';
import { ObjectStore } from '../uploads/index.ts';
import { type Finding, ok, problem, reachOf, skipped, warning } from './check.ts';

/** An object that never exists. Verifying it needs the same rights as verifying an upload. */
const ABSENT = { key: 'elderly-bot-cloud-doctor', contentType: 'text/plain', size: 0, sha256: '' };

export async function checkStore({ S3_BUCKET: bucket, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL }: Environment): Promise<Finding[]> {
  if (!bucket) return [skipped('store', 'S3_BUCKET is not set: robots can upload nothing')];
  const endpoint = AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL || null;
  const store = new ObjectStore({ bucket, endpoint });
  try {
    await store.requireBucket();
    await store.verify(ABSENT);
    if (endpoint === null || isEncryptedOrLocal(endpoint)) return [ok('store', `${bucket} answers`)];
    const remedy = 'give the store a certificate and set AWS_ENDPOINT_URL_S3 to https://...: robots send no file without encryption';
    return [warning('store_without_tls', `${bucket} answers, but ${endpoint} is not encrypted`, remedy)];
  } catch (error) {
    return [faultOf(bucket, error)];
  } finally {
    store.close();
  }
}

function faultOf(bucket: string, error: unknown): Finding {
  const { name = '', $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  // The answer to a HEAD request has no body, so the error has no useful message.
  const observed = `${bucket}: ${status === undefined ? messageOf(error) : `the store answered ${status}`}`;
  if (/Credentials|Region/.test(name) || /region is missing/i.test(observed)) {
    const remedy = 'set AWS_REGION, and AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or give the machine a role';
    return problem('store_credentials', observed, remedy);
  }
  if (status === 403)
    return problem('store_denied', observed, 'the role needs s3:GetObject, s3:PutObject and s3:ListBucket on this bucket');
  if (status === 404) return problem('store_missing', observed, 'create the bucket, or correct S3_BUCKET');
  if (status === 301) return problem('store_region', observed, 'the bucket is in another region: set AWS_REGION to that region');
  const remedy =
    reachOf(error) === 'name' ? 'check AWS_REGION or AWS_ENDPOINT_URL_S3' : 'check the network between this machine and the store';
  return problem('store_unreachable', observed, remedy);
}
