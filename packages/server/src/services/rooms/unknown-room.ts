import { MatrixError } from '@limpet/protocol/matrix-error';

/** What the writer throws for a room that it does not know. */
export class UnknownRoom extends MatrixError {
  constructor(roomId: string) {
    super('M_NOT_FOUND', `The room ${roomId} is not known here.`);
  }
}

/**
 * For what only members may do: a room that is not known here is answered like one that the user is not in, so that
 * nobody learns which rooms there are.
 */
export async function hideUnknownRoom<T>(asked: Promise<T>, userId: string): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof UnknownRoom)) throw error;
    throw new MatrixError('M_FORBIDDEN', `${userId} is not joined to the room.`);
  }
}
