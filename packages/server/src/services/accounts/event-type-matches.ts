/**
 * Whether an event type fits a pattern, where each `*` stands for any characters, none included. The pieces between the
 * stars are looked for one after the other, each at its first place; nothing is ever tried again, so no pattern makes
 * the time explode. Specification: client-server API, "Filtering".
 */
export function eventTypeMatches(pattern: string, type: string): boolean {
  if (!pattern.includes('*')) return pattern === type;
  const pieces = pattern.split('*');
  const head = pieces[0] ?? '';
  const tail = pieces.at(-1) ?? '';
  if (type.length < head.length + tail.length || !type.startsWith(head) || !type.endsWith(tail)) return false;
  const end = type.length - tail.length;
  let from = head.length;
  for (const piece of pieces.slice(1, -1)) {
    const at = type.indexOf(piece, from);
    if (at === -1 || at + piece.length > end) return false;
    from = at + piece.length;
  }
  return true;
}
