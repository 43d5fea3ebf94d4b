// MQTT with the robot's own client id. If an agent runs, these checks use its status: a second connection would disconnect it.

import { codeOf, messageOf } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import { isIotCoreHost } from '../../identity/index.ts';
import { PROBLEMS, type Status } from '../../status/index.ts';
import { ConnectError, type Probed, probe } from '../../uplink/index.ts';
import { topicsOf } from '../../wire/index.ts';
import type { Finding } from '../check.ts';
import { type DoctorContext, ok, robotCheck, skipped } from '../context.ts';
import { aclLines, policyStatement, type Right } from '../rights.ts';
import { causeOf } from './link.ts';

const ANSWER_MS = 8_000;
/** The cloud sends receipts every 5 minutes at most, and at once for an alert. */
const RECEIPT_LATE_MS = 10 * 60_000;
const FIRST_RECEIPT_MS = 60_000;

type Asked = { readonly agent: Status } | { readonly probed: Probed } | { readonly failed: unknown } | { readonly skip: string };

const asked = new WeakMap<DoctorContext, Promise<Asked>>();

function ask(context: DoctorContext): Promise<Asked> {
  const answer = asked.get(context) ?? askOnce(context);
  asked.set(context, answer);
  return answer;
}

async function askOnce({ agent, holder, credentials, config, host, port, reached }: DoctorContext): Promise<Asked> {
  const status = await agent;
  if (status) return { agent: status };
  if (holder !== undefined) return { skip: `process ${holder} holds ${config.state_dir} and does not answer; it may be connected` };
  if (credentials instanceof AgentError) return { skip: 'needs certificate and key' };
  if (!(await reached).route) return { skip: 'needs a connection' };
  const options = { host, port, credentials, thing: config.thing, topicPrefix: config.topic_prefix, timeoutMs: ANSWER_MS };
  try {
    return { probed: await probe(options, AbortSignal.timeout(6 * ANSWER_MS)) };
  } catch (error) {
    return { failed: error };
  }
}

export const mqtt = robotCheck('mqtt', 60_000, async (context): Promise<Finding> => {
  const answer = await ask(context);
  const retry = `elderly-bot doctor${context.flag}`;
  if ('skip' in answer) return skipped(answer.skip);
  if ('probed' in answer) {
    const { version, port, connectMs } = answer.probed;
    return ok(`connected as ${context.config.thing} to ${context.host}:${port} in ${connectMs} ms, MQTT ${version === 5 ? '5' : '3.1.1'}`);
  }
  if ('failed' in answer) {
    const failure = answer.failed instanceof ConnectError ? answer.failed.reason : codeOf(answer.failed);
    const cause = PROBLEMS[causeOf(failure, context)];
    return { status: 'error', observed: `${cause.title}: ${messageOf(answer.failed)}`, remedy: cause.remedy, command: retry };
  }
  const { link, problems } = answer.agent;
  const since = `${Math.round(link.since_ms / 1_000)} s`;
  if (link.state === 'connected') return ok(`the running agent is connected to ${link.endpoint} for ${since}`);
  const reason = problems.map(({ text }) => text).find((text) => text.startsWith(link.endpoint));
  const observed = `the running agent is ${link.state} for ${since}, ${link.failures_in_a_row} failures in a row${reason ? `: ${reason}` : ''}`;
  return {
    status: 'error',
    observed,
    remedy: 'remove the other problems first; the agent reconnects by itself',
    command: `elderly-bot status${context.flag}`,
  };
});

export const subscribeRights = robotCheck('subscribe_rights', 60_000, async (context): Promise<Finding> => {
  const answer = await ask(context);
  const { commands, receipts } = topicsOf(context.config.topic_prefix);
  if ('probed' in answer) return rights('subscribe', answer.probed.refusedSubscriptions, [commands, receipts], context);
  if ('agent' in answer && answer.agent.link.state === 'connected') return ok('the running agent’s subscriptions were granted');
  return { ...skipped('needs a connection'), because: ['mqtt'] };
});

export const publishRights = robotCheck('publish_rights', 60_000, async (context): Promise<Finding> => {
  const answer = await ask(context);
  const { telemetry, backlog, results, events, presence } = topicsOf(context.config.topic_prefix);
  if ('probed' in answer) {
    const found = rights('publish', answer.probed.refusedPublications, [telemetry, backlog, results, events, presence], context);
    const isUnsure = answer.probed.version === 4 && found.status === 'ok';
    return isUnsure ? ok(`${found.observed}; over MQTT 3.1.1 a broker may refuse without an error`) : found;
  }
  if (!('agent' in answer) || answer.agent.link.state !== 'connected') return { ...skipped('needs a connection'), because: ['mqtt'] };
  const { refused, acknowledged } = answer.agent.link;
  if (refused.length > 0) return rights('publish', refused, [], context);
  return ok(`the broker acknowledged what the running agent published on ${acknowledged.join(', ') || 'nothing yet'}`);
});

function rights(right: Right, refused: readonly string[], all: readonly string[], { host, config }: DoctorContext): Finding {
  if (refused.length === 0) return ok(`may ${right} ${all.join(', ')}`);
  const statement = policyStatement(right, refused, host);
  return {
    status: 'error',
    observed: `the broker refuses to let ${config.thing} ${right} ${refused.join(', ')}`,
    remedy: `add to the IoT policy of this robot’s certificate, with your account: ${statement}`,
    command: isIotCoreHost(host) ? 'aws sts get-caller-identity --query Account --output text' : aclLines(right, refused, config.thing),
  };
}

export const receipts = robotCheck('receipts', 60_000, async (context): Promise<Finding> => {
  const answer = await ask(context);
  if (!('agent' in answer)) return skipped('only a running agent gets receipts');
  const { outbox, delivered, link } = answer.agent;
  if (link.state !== 'connected') return { ...skipped('needs a connection'), because: ['mqtt'] };
  const remedy = 'check that the cloud runs, is subscribed to this robot’s topics, and may publish its receipts';
  const command = `elderly-bot status${context.flag}`;
  const waitedMs = outbox.oldest_unconfirmed_ms ?? 0;
  if (!outbox.receipts_seen) {
    if (delivered.acknowledged_rows === 0 || waitedMs < FIRST_RECEIPT_MS) return ok('no receipt was due yet');
    const observed = `no receipt ever came; the broker has taken ${delivered.acknowledged_rows} rows, the oldest ${Math.round(waitedMs / 1_000)} s ago`;
    return {
      status: 'warning',
      observed,
      remedy: `${remedy}; a backend without receipts is fine, the agent then releases rows a day after the broker took them`,
      command,
    };
  }
  if (waitedMs < RECEIPT_LATE_MS)
    return ok(outbox.unconfirmed === 0 ? 'all rows are confirmed' : `${outbox.unconfirmed} rows wait for a receipt`);
  const observed = `the oldest of ${outbox.unconfirmed} rows waits for ${Math.round(waitedMs / 60_000)} minutes while connected`;
  return { status: 'error', observed, remedy, command };
});
