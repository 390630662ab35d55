/** Names that differ in more letters than this are not taken for one another. */
const MAX_DIFFERENCE = 3;

/** The known name that a mistyped one most likely means; `undefined` when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const plain = plainForm(name);
  const ranked = known
    .map((candidate) => ({ candidate, difference: difference(plain, plainForm(candidate)) }))
    .filter((entry) => entry.difference <= Math.min(MAX_DIFFERENCE, Math.floor(entry.candidate.length / 2)))
    .sort((left, right) => left.difference - right.difference);
  return ranked[0]?.candidate;
}

/** `serverName`, `server-name` and `SERVER_NAME` are all meant as `server_name`. */
function plainForm(name: string): string {
  return name.replaceAll(/[-_ ]/g, '').toLowerCase();
}

/** How many letters have to be put in, taken out or changed (Levenshtein). */
function difference(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_unused, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const change = left[i - 1] === right[j - 1] ? 0 : 1;
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + change));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
