// Checks each camera: its topic has a publisher whose images the agent can decode, and the running agent has no problem with it.
import { type CameraConfig, type Config, type GraphTopic, IMAGE_TYPES, imageAdvice, isImageType } from '../../config/index.ts';
import { error, type Finding, ok, skipped } from '../check.ts';
import { type RobotCheck, robotCheck } from '../context.ts';
import { problemFinding } from './agent.ts';
import { probe, ROS_WITHIN_MS } from './probed.ts';

export function cameraChecks({ cameras }: Config): RobotCheck[] {
  return Object.entries(cameras).map(([name, camera]) => ({
    ...robotCheck('camera', ROS_WITHIN_MS, async (context): Promise<Finding> => {
      const found = await probe(context);
      if (!('topics' in found)) return skipped('needs ROS 2', 'ros');
      const problem = (await context.agent)?.problems.find(({ subject }) => subject === name);
      return problem ? problemFinding(problem, context.flag) : topicFinding(camera, found.topics, context.flag);
    }),
    subject: name,
  }));
}

function topicFinding({ topic, type }: CameraConfig, graph: readonly GraphTopic[], flag: string): Finding {
  const types = graph.find((published) => published.topic === topic)?.types ?? [];
  const topics = `elderly-bot topics${flag}`;
  const advice = imageAdvice(topic, graph, types);
  if (types.length === 0) return error(`${topic}: the topic has no publisher`, `start the camera’s node, or ${advice}`, topics);
  const accepted = type === undefined ? IMAGE_TYPES : [type];
  if (types.some((each) => accepted.includes(each))) return ok(`${topic} carries ${types.join(' and ')}`);
  return error(
    `${topic}: ${types.join(' and ')} is published, expected ${accepted.join(' or ')}`,
    types.some(isImageType) ? 'set the camera’s type to auto' : advice,
    topics,
  );
}
