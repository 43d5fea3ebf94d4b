// Splits the name of a topic, so that names can be compared by their words.

/** @returns the parts of the name in snake case: `/kitchen/gasDetected` becomes `kitchen` and `gas_detected`. */
export function partsOf(topic: string): string[] {
  return topic.split('/').filter(Boolean).map(snakeCase);
}

/** Whether the topic is hidden, such as those of actions: a part of its name starts with an underscore. */
export function isHidden(topic: string): boolean {
  return topic.split('/').some((part) => part.startsWith('_'));
}

function snakeCase(part: string): string {
  return part
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '_');
}
