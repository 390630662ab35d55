import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { ALLOWED, refused, type Verdict } from '@limpet/protocol/verdict';

/** Longest pattern that is looked at; a server name has at most 255 bytes, so what is longer is made to cost time. */
const MAX_PATTERN_LENGTH = 512;

/**
 * Whether a server may take part in a room whose `m.room.server_acl` event has this content; `undefined` where the room
 * has none. Ports do not count, and neither does letter case.
 * Specification: client-server API, "m.room.server_acl".
 */
export function checkServerAcl(content: JsonObject | undefined, serverName: string): Verdict {
  if (content === undefined) return ALLOWED;
  const host = hostOf(serverName).toLowerCase();
  if (content.allow_ip_literals === false && isIpLiteral(host)) {
    return refused("The room's access control list does not let IP literals in.");
  }
  if (matchesAny(content.deny, host)) return refused("The room's access control list denies this server.");
  return matchesAny(content.allow, host)
    ? ALLOWED
    : refused("The room's access control list does not allow this server.");
}

function hostOf(serverName: string): string {
  return serverName.replace(/:[0-9]+$/, '');
}

function isIpLiteral(host: string): boolean {
  return host.startsWith('[') || /^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/.test(host);
}

/** What is no list is an empty one, and what is no text in it matches nothing. */
function matchesAny(patterns: JsonValue | undefined, host: string): boolean {
  return Array.isArray(patterns) && patterns.some((pattern) => typeof pattern === 'string' && matches(pattern, host));
}

/**
 * `*` is any number of characters, `?` is one. When a stretch does not fit, only the last `*` has to take one character
 * more: what stands before it can stay as it is. So it takes at most a step for each pair of characters.
 */
function matches(pattern: string, text: string): boolean {
  if (pattern.length > MAX_PATTERN_LENGTH) return false;
  const glob = pattern.toLowerCase();
  let at = 0;
  let inGlob = 0;
  let lastStar = -1;
  let starEnd = 0;
  while (at < text.length) {
    if (glob[inGlob] === '*') {
      lastStar = inGlob;
      starEnd = at;
      inGlob++;
    } else if (glob[inGlob] === '?' || glob[inGlob] === text[at]) {
      inGlob++;
      at++;
    } else if (lastStar >= 0) {
      starEnd++;
      at = starEnd;
      inGlob = lastStar + 1;
    } else {
      return false;
    }
  }
  while (glob[inGlob] === '*') inGlob++;
  return inGlob === glob.length;
}
