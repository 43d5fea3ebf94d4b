// A field path such as `percentage` or `status[0].values[2].value`, read once and then followed without parsing.

export type FieldReader = (message: Readonly<Record<string, unknown>>) => unknown;

/** @returns a reader that gives undefined where the message has no such field. The path's form is checked by the configuration. */
export function fieldReader(path: string): FieldReader {
  const steps = path.split('.').flatMap((part) => {
    const [name = '', ...indices] = part.split('[');
    return [name, ...indices.map((index) => Number.parseInt(index, 10))];
  });
  return (message) => {
    let value: unknown = message;
    for (const step of steps) {
      if (value === null || typeof value !== 'object') return undefined;
      value = (value as Record<string | number, unknown>)[step];
    }
    return value;
  };
}
