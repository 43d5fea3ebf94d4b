// Formats a decoded ROS message as lines in the style of YAML, or as a JSON value. Long arrays and texts are shortened. Pure.

/** How many elements of an array, and how many characters of a text, are shown. */
export interface Limits {
  readonly elements: number;
  readonly characters: number;
}

export const SHORT: Limits = { elements: 16, characters: 200 };
export const FULL: Limits = { elements: Number.POSITIVE_INFINITY, characters: Number.POSITIVE_INFINITY };

/** @returns the lines of a message; a value that is not an object takes one line. */
export function yamlLines(value: unknown, limits: Limits): string[] {
  if (!isObject(value) || Object.keys(value).length === 0) {
    const list = elementsOf(value);
    return list?.some(isObject) ? itemLines(list, limits) : [inline(value, limits)];
  }
  return Object.entries(value).flatMap(([name, field]) => {
    const lines = yamlLines(field, limits);
    const isBlock = (isObject(field) && Object.keys(field).length > 0) || elementsOf(field)?.some(isObject) === true;
    const indent = isObject(field) ? '  ' : '';
    return isBlock ? [`${name}:`, ...lines.map((line) => `${indent}${line}`)] : [`${name}: ${lines[0]}`];
  });
}

function itemLines(items: readonly unknown[], limits: Limits): string[] {
  const shown = items.slice(0, limits.elements).flatMap((item) => {
    const [first = '', ...rest] = yamlLines(item, limits);
    return [`- ${first}`, ...rest.map((line) => `  ${line}`)];
  });
  return items.length > limits.elements ? [...shown, `# ${items.length - limits.elements} more`] : shown;
}

function inline(value: unknown, limits: Limits): string {
  const list = elementsOf(value);
  if (list !== undefined) {
    const shown = list.slice(0, limits.elements).map((each) => inline(each, limits));
    return `[${(list.length > shown.length ? [...shown, `... ${list.length - shown.length} more`] : shown).join(', ')}]`;
  }
  if (typeof value === 'string') return JSON.stringify(shortened(value, limits));
  if (typeof value !== 'number' || Number.isFinite(value)) return isObject(value) ? '{}' : String(value);
  return Number.isNaN(value) ? '.nan' : value > 0 ? '.inf' : '-.inf';
}

/**
 * @returns a value that JSON can represent: numbers that JSON lacks become the texts NaN, Infinity, -Infinity or decimal digits. A long
 * array becomes `{length, first}`; `first` has its first elements.
 */
export function jsonValue(value: unknown, limits: Limits): unknown {
  const list = elementsOf(value);
  if (list !== undefined) {
    const shown = list.slice(0, limits.elements).map((each) => jsonValue(each, limits));
    return shown.length === list.length ? shown : { length: list.length, first: shown };
  }
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, jsonValue(field, limits)]));
  if (typeof value === 'string') return shortened(value, limits);
  const hasNoJson = typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value));
  return hasNoJson ? String(value) : value;
}

function shortened(text: string, { characters }: Limits): string {
  return text.length > characters ? `${text.slice(0, characters)}... ${text.length - characters} more` : text;
}

/** @returns undefined if the value is not an array. */
function elementsOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  return ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<unknown>) : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}
