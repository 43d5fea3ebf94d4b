// Checks that the cloud API answers, that its clock agrees with the robot's, and that an uploaded file reaches the object store.
import { quoted } from '../../base/index.ts';
import { checkApi, checkUpload } from '../../uploads/index.ts';
import { error, ok, skipped } from '../check.ts';
import { oncePerRobot, robotCheck } from '../context.ts';
import { SET_CLOCK } from './clock.ts';

const ANSWER_WITHIN_MS = 10_000;

/** If the clocks differ by more, device tokens and commands are refused (docs/reference/protocol.md: `issued_at` at most 60 s ahead). */
const SKEW_MS = 60_000;

const apiAnswer = oncePerRobot(async ({ config }) =>
  config.uploads.api === null ? undefined : checkApi(config.uploads.api, AbortSignal.timeout(ANSWER_WITHIN_MS)),
);

export const cloudApi = robotCheck('cloud_api', 15_000, async (context) => {
  const { api } = context.config.uploads;
  const answer = await apiAnswer(context);
  if (!answer || api === null) return skipped('uploads.api is not set: images, logs and backups stay on this robot');
  const { status, text } = answer;
  const command = `curl -sS -o /dev/null -w '%{http_code}\\n' ${api}/openapi.json`;
  if (status === 0) return error(`${api}: ${text}`, 'check uploads.api, and that the cloud runs', command);
  if (status >= 500) return error(`${api} answers ${status}`, 'check the cloud’s log and its database', command);
  return ok(`${api} answers ${status}`);
});

export const clockSkew = robotCheck('clock_skew', 20_000, async (context) => {
  const answer = await apiAnswer(context);
  if (!answer) return skipped('uploads.api is not set, so there is no clock to compare with');
  const { aheadMs } = answer;
  if (aheadMs === undefined) return skipped('the cloud API sends no time');
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  if (Math.abs(aheadMs) <= SKEW_MS) return ok(seconds <= 1 ? 'less than 2 s' : `${seconds} s apart`);
  const observed = `this robot’s clock is ${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} the cloud’s`;
  return error(
    observed,
    'let the clocks of the robot and the cloud synchronise; until then, commands arrive expired, and times are wrong',
    SET_CLOCK,
  );
});

export const uploads = robotCheck('uploads', 60_000, async ({ config, credentials, paths, flag }, signal) => {
  const { api } = config.uploads;
  if (api === null) return skipped('uploads.api is not set');
  if (credentials instanceof Error) return skipped('needs certificate and key', 'certificate', 'key');
  const outcome = await checkUpload({ thing: config.thing, credentials, api }, signal);
  if (outcome.result === 'stored') return ok(`stored as ${outcome.objectKey}`);
  const observed = outcome.reason;
  if (/the cloud answered 40[13]/.test(observed)) {
    const command = `elderly-bot-cloud device add ${config.thing} ${paths instanceof Error ? 'CERT' : quoted(paths.certFile)}`;
    return error(observed, 'register this robot’s certificate, on the cloud’s server', command);
  }
  const remedy = observed.startsWith('the object store')
    ? 'check the bucket’s name and rights, and that the cloud’s S3_BUCKET and credentials belong to the same account'
    : 'read the cloud’s log';
  return error(observed, remedy, `elderly-bot doctor${flag}`);
});
