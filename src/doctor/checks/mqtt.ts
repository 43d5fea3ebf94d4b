// Checks the MQTT connection, rights and receipts, using the robot's own client id. If the agent is running, the checks use its status
// instead: a broker drops the older of two connections with the same client id, so connecting here would disconnect the agent.
import { messageOf } from '../../base/index.ts';
import { brokerOf } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { isIotCoreHost } from '../../identity/index.ts';
import { PROBLEMS, type Status } from '../../status/index.ts';
import { aclLines, CAUSES, type Probed, policyStatement, probe, type Right, reasonOf, UplinkMemory } from '../../uplink/index.ts';
import { topicsOf } from '../../wire/index.ts';
import { error, type Finding, ok, skipped, warning } from '../check.ts';
import { type DoctorContext, oncePerRobot, robotCheck } from '../context.ts';
import { causeOf } from './link.ts';

const ANSWER_MS = 8_000;
/** Twice the longest time that the cloud takes to send a receipt. */
const RECEIPT_LATE_MS = 10 * 60_000;
const FIRST_RECEIPT_MS = 60_000;

type Answer = { readonly agent: Status } | { readonly probed: Probed } | { readonly failed: unknown } | { readonly skip: string };

const ask = oncePerRobot(async ({ agent, holder, credentials, config, reached }): Promise<Answer> => {
  const status = await agent;
  if (status) return { agent: status };
  if (holder !== undefined) return { skip: `process ${holder} holds ${config.state_dir} and does not answer; it may be connected` };
  if (credentials instanceof AgentError) return { skip: 'needs certificate and key' };
  if ((await reached).shown?.handshake === undefined) return { skip: 'needs a connection' };
  const known = new UplinkMemory(config.state_dir).load();
  const options = {
    ...brokerOf(config.mqtt),
    known,
    credentials,
    thing: config.thing,
    topicPrefix: config.topic_prefix,
    timeoutMs: ANSWER_MS,
  };
  try {
    return { probed: await probe(options, AbortSignal.timeout(6 * ANSWER_MS)) };
  } catch (cause) {
    return { failed: cause };
  }
});

export const mqtt = robotCheck('mqtt', 60_000, async (context) => {
  const answer = await ask(context);
  if ('skip' in answer) return skipped(answer.skip);
  if ('probed' in answer) {
    const { version, port, connectMs } = answer.probed;
    return ok(`connected as ${context.config.thing} to ${context.host}:${port} in ${connectMs} ms, MQTT ${version === 5 ? '5' : '3.1.1'}`);
  }
  if ('failed' in answer) {
    const failure = reasonOf(answer.failed);
    const { title, remedy } = PROBLEMS[causeOf(failure, context)];
    return error(`${title}: ${messageOf(answer.failed)}`, remedy, `elderly-bot doctor${context.flag}`);
  }
  const { link, problems } = answer.agent;
  const duration = `${Math.round(link.since_ms / 1_000)} s`;
  if (link.state === 'connected') return ok(`the running agent has been connected to ${link.endpoint} for ${duration}`);
  const reason = problems.find(({ code }) => CAUSES.includes(code))?.text;
  const failures = `${link.failures_in_a_row} failures in a row${reason ? `: ${reason}` : ''}`;
  const observed = `the running agent has been ${link.state} for ${duration}, ${failures}`;
  return error(observed, 'remove the other problems first; the agent reconnects by itself', `elderly-bot status${context.flag}`);
});

export const subscribeRights = robotCheck('subscribe_rights', 60_000, async (context) => {
  const answer = await ask(context);
  const { commands, receipts } = topicsOf(context.config.topic_prefix);
  if ('probed' in answer) return rightFinding('subscribe', answer.probed.refusedSubscriptions, [commands, receipts], context);
  if (!('agent' in answer) || answer.agent.link.state !== 'connected') return skipped('needs a connection', 'mqtt');
  const { refused_subscriptions: refused } = answer.agent.link;
  if (refused.length > 0) return rightFinding('subscribe', refused, [], context);
  return ok('the broker granted the running agent’s subscriptions');
});

export const publishRights = robotCheck('publish_rights', 60_000, async (context) => {
  const answer = await ask(context);
  const { telemetry, backlog, results, events, presence } = topicsOf(context.config.topic_prefix);
  if ('probed' in answer) {
    const found = rightFinding('publish', answer.probed.refusedPublications, [telemetry, backlog, results, events, presence], context);
    const isUnsure = answer.probed.version === 4 && found.status === 'ok';
    return isUnsure ? ok(`${found.observed}; over MQTT 3.1.1 a broker may refuse without an error`) : found;
  }
  if (!('agent' in answer) || answer.agent.link.state !== 'connected') return skipped('needs a connection', 'mqtt');
  const { refused, acknowledged } = answer.agent.link;
  if (refused.length > 0) return rightFinding('publish', refused, [], context);
  return ok(`the broker acknowledged the running agent’s messages on ${acknowledged.join(', ') || 'no topic yet'}`);
});

function rightFinding(right: Right, refused: readonly string[], all: readonly string[], { host, config }: DoctorContext): Finding {
  if (refused.length === 0) return ok(`may ${right} ${all.join(', ')}`);
  return error(
    `the broker does not allow ${config.thing} to ${right} ${refused.join(', ')}`,
    `add to the IoT policy of this robot’s certificate, with your account: ${policyStatement(right, refused, host)}`,
    isIotCoreHost(host) ? 'aws sts get-caller-identity --query Account --output text' : aclLines(right, refused, config.thing),
  );
}

export const receipts = robotCheck('receipts', 60_000, async (context) => {
  const answer = await ask(context);
  if (!('agent' in answer)) return skipped('only a running agent receives receipts');
  const { outbox, delivered, link } = answer.agent;
  if (link.state !== 'connected') return skipped('needs a connection', 'mqtt');
  const remedy = 'check that the cloud runs, is subscribed to this robot’s topics, and may publish its receipts';
  const command = `elderly-bot status${context.flag}`;
  const waitedMs = outbox.oldest_unconfirmed_ms ?? 0;
  if (!outbox.receipts_seen) {
    if (delivered.acknowledged_rows === 0 || waitedMs < FIRST_RECEIPT_MS) return ok('no receipt was due yet');
    return warning(
      `no receipt ever arrived; the broker acknowledged ${delivered.acknowledged_rows} rows, the oldest ${Math.round(waitedMs / 1_000)} s ago`,
      `${remedy}; a backend without receipts is fine, the agent then releases rows a day after their PUBACK`,
      command,
    );
  }
  if (waitedMs < RECEIPT_LATE_MS)
    return ok(outbox.unconfirmed === 0 ? 'all rows are confirmed' : `${outbox.unconfirmed} rows wait for a receipt`);
  const minutes = Math.round(waitedMs / 60_000);
  return error(`the oldest of ${outbox.unconfirmed} rows has waited for ${minutes} minutes while connected`, remedy, command);
});
