import { Type } from 'typebox';

/**
 * A transaction ID in a path. The specification sets no limit; as long as an identifier leaves room for any client, and
 * it is kept in memory and in an index for a day.
 */
export const transactionId = Type.String({ maxLength: 255 });
