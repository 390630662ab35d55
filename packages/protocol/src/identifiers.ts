import { MatrixError } from './matrix-error.ts';

/**
 * Identifiers are branded strings that only these parsers make, so a value of such a type has been checked once.
 * Specification: appendices, "Common Identifier Format".
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

export { MatrixError };
