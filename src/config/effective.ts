// Every value of a configuration with its origin, for `config show`.
import { DEFAULT_FILE, layersOf, variableOf } from './layers.ts';
import { config as configSchema } from './schema.ts';
import { placeOf } from './source.ts';
import { leaves, type Tree } from './tree.ts';

export interface EffectiveValue {
  /** `channels.gas.topic` */
  readonly key: string;
  readonly value: unknown;
  /** `default`, `FILE:LINE:COLUMN`, the name of the environment variable, or `schema` for a default inside an entry. */
  readonly from: string;
}

/** Every value with its origin, including the defaults inside channels, commands and cameras. @throws as loadConfig does */
export function effectiveConfig(file: string | undefined, environment: NodeJS.ProcessEnv): EffectiveValue[] {
  const { sources, merged } = layersOf(file, environment);
  const given = leaves(merged, []).map(([path, value]) => {
    const where = placeOf(path, sources);
    return {
      key: path.join('.'),
      value,
      from: variableOf(path, environment) ?? (where.startsWith(`${DEFAULT_FILE}:`) ? 'default' : where),
    };
  });
  return byEntry([...given, ...schemaDefaults(merged, given)]);
}

/** In the program's units: milliseconds and bytes. Empty if the configuration is invalid, since defaults depend on a valid entry. */
function schemaDefaults(merged: Tree, given: readonly EffectiveValue[]): EffectiveValue[] {
  const parsed = configSchema.safeParse(merged).data;
  if (!parsed) return [];
  // A value in short form, such as a profile's name, is not repeated as its parts.
  const listed = new Set(given.map(({ key }) => key));
  const isListed = (path: readonly string[]) => path.some((_, i) => listed.has(path.slice(0, i + 1).join('.')));
  return leaves(parsed as Tree, [])
    .filter(([path, value]) => value !== undefined && !isListed(path))
    .map(([path, value]) => ({ key: path.join('.'), value, from: 'schema' }));
}

/** Groups the values of each entry, in the order of the entries. */
function byEntry(values: readonly EffectiveValue[]): EffectiveValue[] {
  const entry = ({ key }: EffectiveValue) => key.split('.').slice(0, 2).join('.');
  const order = [...new Set(values.map(entry))];
  return [...values].sort((a, b) => order.indexOf(entry(a)) - order.indexOf(entry(b)));
}
