/** What of these a cache knows, and the others, which are to be read. */
export function splitKnown<Key, Value>(
  keys: Iterable<Key>,
  lookUp: (key: Key) => Value | undefined,
): { readonly found: Map<Key, Value>; readonly missing: Key[] } {
  const found = new Map<Key, Value>();
  const missing: Key[] = [];
  for (const key of keys) {
    const value = lookUp(key);
    if (value === undefined) missing.push(key);
    else found.set(key, value);
  }
  return { found, missing };
}
