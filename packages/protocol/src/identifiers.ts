import { MatrixError } from './matrix-error.ts';

/**
 * Identifiers are branded strings that only these parsers make, so a value of such a type has been checked once.
 * Each has a form that answers `undefined` (`asUserId`) and one that throws M_INVALID_PARAM and says what is wrong
 * (`parseUserId`). Specification: appendices, "Common Identifier Format".
 */
declare const brand: unique symbol;
export type Branded<Name extends string> = string & { readonly [brand]: Name };
export type UserId = Branded<'UserId'>;
export type RoomId = Branded<'RoomId'>;
export type EventId = Branded<'EventId'>;
export type RoomAlias = Branded<'RoomAlias'>;
export type ServerName = Branded<'ServerName'>;
export type DeviceId = Branded<'DeviceId'>;

/** Longest identifier with its sigil and server name, in bytes of UTF-8. */
export const MAX_IDENTIFIER_BYTES = 255;

/** A user ID with any localpart that history knows: upper case, spaces, other scripts, even none. */
export function asUserId(value: unknown): UserId | undefined {
  return userIdFault(value) === undefined ? (value as UserId) : undefined;
}

export function parseUserId(value: unknown): UserId {
  return parsed<UserId>(value, userIdFault(value), 'user ID');
}

/** `!opaque:server`, or `!hash` as room version 12 makes it. */
export function asRoomId(value: unknown): RoomId | undefined {
  return roomIdFault(value) === undefined ? (value as RoomId) : undefined;
}

export function parseRoomId(value: unknown): RoomId {
  return parsed<RoomId>(value, roomIdFault(value), 'room ID');
}

/** `$opaque` (a hash from room version 3 on), or `$opaque:server` as room versions 1 and 2 have it. */
export function asEventId(value: unknown): EventId | undefined {
  return eventIdFault(value) === undefined ? (value as EventId) : undefined;
}

export function parseEventId(value: unknown): EventId {
  return parsed<EventId>(value, eventIdFault(value), 'event ID');
}

export function asRoomAlias(value: unknown): RoomAlias | undefined {
  return roomAliasFault(value) === undefined ? (value as RoomAlias) : undefined;
}

export function parseRoomAlias(value: unknown): RoomAlias {
  return parsed<RoomAlias>(value, roomAliasFault(value), 'room alias');
}

/** Host name, IPv4 address or bracketed IPv6 address, with or without a port. Case matters. */
export function asServerName(value: unknown): ServerName | undefined {
  return serverNameFault(value) === undefined ? (value as ServerName) : undefined;
}

export function parseServerName(value: unknown): ServerName {
  return parsed<ServerName>(value, serverNameFault(value), 'server name');
}

/** Any text that is not empty: the specification leaves device IDs opaque. */
export function asDeviceId(value: unknown): DeviceId | undefined {
  return deviceIdFault(value) === undefined ? (value as DeviceId) : undefined;
}

export function parseDeviceId(value: unknown): DeviceId {
  return parsed<DeviceId>(value, deviceIdFault(value), 'device ID');
}

/** Whether a new account may have this localpart; `asUserId` accepts more, for the users that exist already. */
export function isValidNewLocalpart(localpart: string): boolean {
  return /^[a-z0-9._=/+-]+$/.test(localpart);
}

/** The user ID of a local account. Throws M_INVALID_PARAM when both together are too long. */
export function userIdOf(localpart: string, serverName: ServerName): UserId {
  return parseUserId(`@${localpart}:${serverName}`);
}

/**
 * The server that made this identifier. `undefined` where the identifier names none, as room IDs of version 12 and
 * event IDs since version 3, or where a plain string holds no valid server name after its first colon.
 */
export function serverNameOf(id: UserId | RoomAlias): ServerName;
export function serverNameOf(id: string): ServerName | undefined;
export function serverNameOf(id: string): ServerName | undefined {
  const colon = id.indexOf(':');
  return colon === -1 ? undefined : asServerName(id.slice(colon + 1));
}

/** What stands between the sigil and the first colon; without a colon, all after the sigil. */
export function localpartOf(id: string): string {
  const colon = id.indexOf(':');
  return colon === -1 ? id.slice(1) : id.slice(1, colon);
}

/** Length in bytes of UTF-8. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** Whether the text is longer than this many bytes of UTF-8; counts only where its length leaves it open. */
export function isLongerThan(text: string, limitBytes: number): boolean {
  return text.length > limitBytes || (text.length * 3 > limitBytes && utf8Length(text) > limitBytes);
}

function parsed<Id extends string>(value: unknown, fault: string | undefined, kind: string): Id {
  if (fault === undefined) {
    return value as Id;
  }
  throw new MatrixError('M_INVALID_PARAM', `${quoted(value)} is not a valid ${kind}: ${fault}.`);
}

function quoted(value: unknown): string {
  if (typeof value !== 'string') {
    return `A value of type ${value === null ? 'null' : typeof value}`;
  }
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}

function userIdFault(value: unknown): string | undefined {
  return textFault(value, '@') ?? serverPartFault(value as string, 'a user ID is "@localpart:server"');
}

function roomIdFault(value: unknown): string | undefined {
  const fault = textFault(value, '!');
  const id = value as string;
  if (fault !== undefined || HASH_ROOM_ID.test(id)) {
    return fault;
  }
  if (id.startsWith('!:')) {
    return 'nothing stands between "!" and ":"';
  }
  return serverPartFault(id, 'a room ID is "!opaque:server", or "!" and a hash of 43 characters');
}

const HASH_ROOM_ID = /^![A-Za-z0-9_-]{43}$/;

function eventIdFault(value: unknown): string | undefined {
  const fault = textFault(value, '$');
  if (fault !== undefined) {
    return fault;
  }
  const id = value as string;
  if (id.length === 1) {
    return 'nothing follows the "$"';
  }
  return id.includes(':') ? serverPartFault(id, '') : undefined;
}

function roomAliasFault(value: unknown): string | undefined {
  const fault = textFault(value, '#');
  if (fault !== undefined) {
    return fault;
  }
  const alias = value as string;
  return alias.startsWith('#:')
    ? 'nothing stands between "#" and ":"'
    : serverPartFault(alias, 'a room alias is "#name:server"');
}

function deviceIdFault(value: unknown): string | undefined {
  return textFault(value, '') ?? (value === '' ? 'it is empty' : undefined);
}

function serverNameFault(value: unknown): string | undefined {
  const fault = textFault(value, '');
  return (
    fault ?? (SERVER_NAME.test(value as string) ? undefined : 'it is not host, IPv4 or [IPv6] with :port or without')
  );
}

/**
 * The grammar alone, since all servers must agree on it: whether `999.1.1.1` or port 99999 can be reached is for who
 * connects to find out. An IPv4 address is one of the names that the first branch takes.
 */
const SERVER_NAME = /^(?:[A-Za-z0-9.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/;

/** What every identifier has in common: a string of valid Unicode, its sigil first, no NUL, not too long. */
function textFault(value: unknown, sigil: string): string | undefined {
  if (typeof value !== 'string') {
    return 'it must be a string';
  }
  if (!value.startsWith(sigil)) {
    return `it must start with "${sigil}"`;
  }
  if (isLongerThan(value, MAX_IDENTIFIER_BYTES)) {
    return `it is longer than ${MAX_IDENTIFIER_BYTES} bytes`;
  }
  if (value.includes('\0')) {
    return 'it contains NUL';
  }
  return value.isWellFormed() ? undefined : 'it contains half of a surrogate pair';
}

function serverPartFault(id: string, shape: string): string | undefined {
  const colon = id.indexOf(':');
  if (colon === -1) {
    return `it has no server name; ${shape}`;
  }
  return SERVER_NAME.test(id.slice(colon + 1)) ? undefined : 'what follows its first ":" is not a server name';
}
