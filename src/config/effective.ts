// Every value of a configuration, and where it is given: what `config show` prints.
import { DEFAULT_FILE, layersOf, variableOf } from './layers.ts';
import { config as configSchema } from './schema.ts';
import { placeOf } from './source.ts';
import { leaves, type Tree } from './tree.ts';

export interface EffectiveValue {
  /** `channels.gas.topic` */
  readonly key: string;
  readonly value: unknown;
  /** `default`, `FILE:LINE:COLUMN`, the name of the environment variable, or `schema`: what an entry has without being told. */
  readonly from: string;
}

/** Every value, and where it is given; what entries of channels, commands and cameras have without being told too. @throws as loadConfig does */
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
  return byEntry([...given, ...untold(merged, given)]);
}

/** In the program's units: milliseconds and bytes. Nothing where the configuration is wrong, since then it is not known what it means. */
function untold(merged: Tree, given: readonly EffectiveValue[]): EffectiveValue[] {
  const parsed = configSchema.safeParse(merged).data;
  if (!parsed) return [];
  // A value that was given in short, such as a profile's name, is not told again in its parts.
  const told = new Set(given.map(({ key }) => key));
  const isTold = (path: readonly string[]) => path.some((_, i) => told.has(path.slice(0, i + 1).join('.')));
  return leaves(parsed as Tree, [])
    .filter(([path, value]) => value !== undefined && !isTold(path))
    .map(([path, value]) => ({ key: path.join('.'), value, from: 'schema' }));
}

/** Each entry's values stand together, in the order of the entries. */
function byEntry(values: readonly EffectiveValue[]): EffectiveValue[] {
  const entry = ({ key }: EffectiveValue) => key.split('.').slice(0, 2).join('.');
  const order = [...new Set(values.map(entry))];
  return [...values].sort((a, b) => order.indexOf(entry(a)) - order.indexOf(entry(b)));
}
