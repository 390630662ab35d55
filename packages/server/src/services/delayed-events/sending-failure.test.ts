import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import { expect, test } from 'vitest';
import { ExpectationFailed, StaleBatch, StorageFailure } from '../../storage/storage.ts';
import { readSendingFailure } from './sending-failure.ts';

const MANY = 100;

test.each<[string, unknown, number, string]>([
  ['no power', new MatrixError('M_FORBIDDEN', 'no'), 0, 'refused'],
  ['too large', new MatrixError('M_TOO_LARGE', 'no'), 0, 'refused'],
  ['too much to do', limitExceeded('busy'), MANY, 'failed'],
  ['another server that is away', new MatrixError('M_UNKNOWN', 'away', { status: 502 }), MANY, 'failed'],
  ['another server that is away for good', new MatrixError('M_UNKNOWN', 'away', { status: 502 }), 1_000, 'refused'],
  ['a database that cannot', new StorageFailure('full', undefined), MANY, 'failed'],
  ['a turn that rests on a failed write', new StaleBatch('!room:test'), MANY, 'failed'],
  ['a graph that ends elsewhere', new ExpectationFailed('the graph ends where the writer has it'), MANY, 'failed'],
  ['what looks like our bug', new Error('bug'), 7, 'failed'],
  ['what looks like our bug, again and again', new Error('bug'), 8, 'refused'],
])('%s, after %s failures before: %s', (_name, error, failures, kind) => {
  expect(readSendingFailure(error, failures).kind).toBe(kind);
});

test('who says when to come again is heard', () => {
  expect(readSendingFailure(limitExceeded('busy', 7_000), 0)).toMatchObject({ retryAfterMs: 7_000 });
});
