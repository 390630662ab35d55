/**
 * What one server sends of one room. Its events are processed in their order; those of other servers in the room, and
 * those of this server in other rooms, do not wait for them.
 */
export interface Lane {
  readonly roomId: string;
  readonly origin: string;
}

/** Neither part can hold NUL. */
export function laneKey({ roomId, origin }: Lane): string {
  return `${roomId}\0${origin}`;
}
