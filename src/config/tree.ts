// Reads and changes a configuration before it is validated: a tree of keys and values, as parsed from YAML.

export type Path = readonly (string | number)[];
export type Tree = { [key: string]: unknown };

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function valueAt(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => (value as Tree | undefined | null)?.[key], tree);
}

export function setAt(tree: Tree, path: Path, value: unknown): void {
  const [key, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const below = tree[key];
  const inner: Tree = isTree(below) ? below : {};
  tree[key] = inner;
  setAt(inner, rest, value);
}

export function deleteAt(tree: Tree, path: readonly PropertyKey[]): void {
  const above = valueAt(tree, path.slice(0, -1).map(String));
  const last = path.at(-1);
  if (isTree(above) && last !== undefined) delete above[String(last)];
}

/** Merges two layers. Maps are merged key by key; any other value replaces the one in the layer below, except that null removes a map. */
export function merge(below: Tree, above: Tree): Tree {
  const merged: Tree = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const old = merged[key];
    if (isTree(old) && isTree(value)) merged[key] = merge(old, value);
    else if (value === null && isTree(old)) delete merged[key];
    else merged[key] = value;
  }
  return merged;
}

/** Returns every value that has no children, with its path. */
export function leaves(tree: Tree, path: readonly string[]): [path: readonly string[], value: unknown][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    isTree(value) && Object.keys(value).length > 0 ? leaves(value, [...path, key]) : [[[...path, key], value] as [string[], unknown]],
  );
}
