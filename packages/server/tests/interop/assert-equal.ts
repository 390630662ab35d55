import { isDeepStrictEqual } from 'node:util';

/** Throws, naming what differs. */
export function assertEqual(what: string, actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Error(`${what}: expected ${JSON.stringify(expected)}, was ${JSON.stringify(actual)}`);
  }
}

export async function assertRefused(what: string, status: number, request: () => Promise<unknown>): Promise<void> {
  let answer: unknown;
  try {
    answer = await request();
  } catch (error) {
    if (error instanceof Error && 'status' in error) return assertEqual(what, error.status, status);
    throw error;
  }
  throw new Error(`${what}: expected a refusal with ${status}, was ${JSON.stringify(answer)}`);
}
