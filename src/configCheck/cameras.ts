// Checks a camera: the packages of its message types are installed, and by its name the topic carries images that can be decoded. Pure.
import { type CameraConfig, COMPRESSED_IMAGE, cameraTypes, IMAGE, imageAdvice, isDepth, unsuitableContent } from '../config/index.ts';
import type { EntryFindings } from './finding.ts';
import { type Definitions, structOf } from './types.ts';

export function checkCamera(camera: CameraConfig, definitions: Definitions | undefined, findings: EntryFindings): void {
  const { topic, type } = camera;
  const content = unsuitableContent(topic);
  if (content !== undefined) {
    findings.error(['topic'], `${topic} carries ${content}, which the agent cannot decode; ${imageAdvice(topic)}`);
  } else if (type === IMAGE && topic.endsWith('/compressed')) {
    findings.warning(['type', 'topic'], `${topic} usually carries ${COMPRESSED_IMAGE}, not ${IMAGE}`, { suggestion: 'type: auto' });
  } else if (isDepth(topic)) {
    findings.warning(
      ['topic'],
      `${topic} carries distances, so people are grey shapes in its images or are missing; ${imageAdvice(topic)}`,
    );
  }
  if (definitions === undefined) return;
  for (const needed of cameraTypes(camera)) {
    const before = findings.list.length;
    structOf(needed, definitions, findings);
    // One package is missing once, although two of its types are needed.
    if (findings.list.length > before) return;
  }
}
