// The cloud API: whether it answers, and whether a file reaches the object store.

import { quoted } from '../../base/index.ts';
import { type ApiAnswer, checkApi, checkUpload } from '../../uploads/index.ts';
import type { Finding } from '../check.ts';
import { type DoctorContext, ok, robotCheck, skipped } from '../context.ts';

const ANSWER_WITHIN_MS = 10_000;

const asked = new WeakMap<DoctorContext, Promise<ApiAnswer>>();

/** One request for two checks. @returns undefined if no API is configured. */
export function apiAnswer(context: DoctorContext): Promise<ApiAnswer> | undefined {
  const { api } = context.config.uploads;
  if (api === null) return undefined;
  const answer = asked.get(context) ?? checkApi(api, AbortSignal.timeout(ANSWER_WITHIN_MS));
  asked.set(context, answer);
  return answer;
}

export const cloudApi = robotCheck('cloud_api', 15_000, async (context): Promise<Finding> => {
  const { api } = context.config.uploads;
  const answer = await apiAnswer(context);
  if (!answer || api === null) return skipped('uploads.api is not set: pictures, logs and backups stay here');
  const { status, text } = answer;
  const command = `curl -sS -o /dev/null -w '%{http_code}\\n' ${api}/openapi.json`;
  if (status === 0) return { status: 'error', observed: `${api}: ${text}`, remedy: 'check uploads.api, and that the cloud runs', command };
  if (status >= 500)
    return { status: 'error', observed: `${api} answers ${status}`, remedy: 'look at the cloud’s log and its database', command };
  return ok(`${api} answers ${status}`);
});

export const uploads = robotCheck('uploads', 60_000, async ({ config, credentials, paths, flag }, signal): Promise<Finding> => {
  const { api } = config.uploads;
  if (api === null) return skipped('uploads.api is not set');
  if (credentials instanceof Error) return skipped('needs certificate and key');
  const outcome = await checkUpload({ thing: config.thing, credentials, api }, signal);
  if (outcome.result === 'stored') return ok(`stored as ${outcome.objectKey}`);
  const observed = outcome.why;
  if (/the cloud answered 40[13]/.test(observed)) {
    const command = `elderly-bot-cloud device add ${config.thing} ${paths instanceof Error ? 'CERT' : quoted(paths.certFile)}`;
    return { status: 'error', observed, remedy: 'register this robot’s certificate, on the cloud’s server', command };
  }
  const remedy = observed.startsWith('the object store')
    ? 'check the bucket’s name and rights, and that the cloud’s S3_BUCKET and credentials belong to the same account'
    : 'look at the cloud’s log';
  return { status: 'error', observed, remedy, command: `elderly-bot doctor${flag}` };
});
