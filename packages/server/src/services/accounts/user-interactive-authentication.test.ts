import { parseUserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { noNetwork } from '../../../tests/support/no-network.ts';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import {
  type ProtectedBody,
  type ProtectedOperation,
  type StageCheck,
  UserInteractiveAuthentication,
} from './user-interactive-authentication.ts';

type Body = ProtectedBody & { readonly wish?: string };
type Operation = ProtectedOperation<Omit<Body, 'auth'>>;

const pass: StageCheck = async ({ note }) => ({ isPassed: true, evidence: String(note) });
const operation: Operation = {
  name: 'grant a wish',
  purpose: 'have a wish granted',
  userId: undefined,
  flows: [['first', 'second'], ['other']],
  stages: { first: pass, second: pass, other: pass },
};

function begin() {
  const { clock, timers } = createManualWorld();
  return new UserInteractiveAuthentication({ clock, timers, random: seededRandom(1), log: silentLog, ...noNetwork });
}

async function challenge(
  uia: UserInteractiveAuthentication,
  body: Body,
  of: Operation = operation,
): Promise<JsonObject> {
  const answer = await uia.authorize(of, body);
  if (answer.isAuthorized) throw new Error('was authorized');
  return answer.challenge;
}

test('a flow is done when all its stages are, over as many requests as it takes', async () => {
  const uia = begin();
  const { session = '', flows } = await challenge(uia, { wish: 'gold' });
  expect(flows).toEqual([{ stages: ['first', 'second'] }, { stages: ['other'] }]);
  expect(await challenge(uia, { auth: { type: 'first', session, note: 1 } })).toMatchObject({
    session,
    completed: ['first'],
  });
  expect(await challenge(uia, { auth: { session } })).toMatchObject({ session, completed: ['first'] });
  const done = await uia.authorize(operation, { auth: { type: 'second', session, note: 2 } });
  expect(done).toEqual({
    isAuthorized: true,
    parameters: { wish: 'gold' },
    evidence: new Map([
      ['first', '1'],
      ['second', '2'],
    ]),
  });
});

test('stages of two flows together make none of them', async () => {
  const uia = begin();
  const flows = [
    ['first', 'second'],
    ['second', 'other'],
  ];
  const { session = '' } = await challenge(uia, { auth: { type: 'first' } }, { ...operation, flows });
  const next = await challenge(uia, { auth: { type: 'other', session } }, { ...operation, flows });
  expect(next).toMatchObject({ completed: ['first', 'other'] });
});

test('a session serves one operation, of one user, once', async () => {
  const uia = begin();
  const other = { ...operation, name: 'grant another' };
  const alices = { ...operation, userId: parseUserId('@alice:hs') };
  for (const operationNow of [other, alices]) {
    const { session = '' } = await challenge(uia, {});
    const answer = await challenge(uia, { auth: { type: 'other', session } }, operationNow);
    expect(answer).toMatchObject({ errcode: 'M_UNKNOWN', completed: [] });
    expect(answer.session).not.toBe(session);
  }
  const { session = '' } = await challenge(uia, {});
  const twice = await Promise.all([1, 2].map(() => uia.authorize(operation, { auth: { type: 'other', session } })));
  expect(twice.map(({ isAuthorized }) => isAuthorized)).toEqual([true, false]);
});

test('of two requests that end a session at once, the later one leaves nothing of it behind', async () => {
  const uia = begin();
  const { session = '' } = await challenge(uia, {});
  await Promise.all([1, 2].map(() => uia.authorize(operation, { auth: { type: 'other', session } })));
  expect(await challenge(uia, { auth: { session } })).toMatchObject({ errcode: 'M_UNKNOWN', completed: [] });
});

test('a stage is passed away from the client, which then comes with the session alone', async () => {
  const uia = begin();
  const { session = '' } = await challenge(uia, { wish: 'gold' });
  const id = String(session);
  expect(uia.stageOf(id, 'other')).toEqual({ purpose: 'have a wish granted', userId: undefined, isPassed: false });
  expect(await uia.passStage(id, { type: 'other', note: 3 })).toEqual({ isPassed: true });
  expect(uia.stageOf(id, 'other')).toMatchObject({ isPassed: true });
  const done = await uia.authorize<Body>(operation, { auth: { session } });
  expect(done).toMatchObject({ isAuthorized: true, parameters: { wish: 'gold' }, evidence: new Map([['other', '3']]) });
  expect(uia.stageOf(id, 'other')).toBeUndefined();
  expect(await uia.passStage(id, { type: 'other' })).toBeUndefined();
});

test('a stage that ends after its session passes nothing', async () => {
  const uia = begin();
  const gate = Promise.withResolvers<void>();
  const slowly: StageCheck = async () => gate.promise.then(() => ({ isPassed: true }));
  const slow = { ...operation, stages: { ...operation.stages, first: slowly } };
  const { session = '' } = await challenge(uia, {}, slow);
  const late = uia.passStage(String(session), { type: 'first' });
  expect(await uia.authorize(slow, { auth: { type: 'other', session } })).toMatchObject({ isAuthorized: true });
  gate.resolve();
  expect([await late, uia.stageOf(String(session), 'first')]).toEqual([undefined, undefined]);
});

test.each(['third', 'constructor'])('there is no stage of a type that is not offered, such as %s', async (type) => {
  const uia = begin();
  const id = String((await challenge(uia, {})).session);
  expect([uia.stageOf(id, type), await uia.passStage(id, { type })]).toEqual([undefined, undefined]);
});

test('a stage that was passed is not tried again', async () => {
  const uia = begin();
  const { session = '' } = await challenge(uia, { auth: { type: 'first', note: 1 } });
  const stages = { ...operation.stages, first: async () => ({ isPassed: false, errcode: 'M_FORBIDDEN', reason: '' }) };
  const again = await challenge(uia, { auth: { type: 'first', session } }, { ...operation, stages } as Operation);
  expect(again).not.toHaveProperty('errcode');
  expect(again.completed).toEqual(['first']);
});

test('a stage that fails says why, and leaves the session as it was', async () => {
  const uia = begin();
  const stages = {
    ...operation.stages,
    other: async () => ({ isPassed: false, errcode: 'M_FORBIDDEN', reason: 'No.' }) as const,
  };
  const answer = await challenge(uia, { auth: { type: 'other' } }, { ...operation, stages });
  expect(answer).toMatchObject({ errcode: 'M_FORBIDDEN', error: 'No.', completed: [] });
});

test('what is wrong in itself is refused before anything is asked', async () => {
  const uia = begin();
  const validate = ({ wish }: { wish?: string }) => {
    if (wish === 'everything') throw new Error('too much');
  };
  await expect(uia.authorize<Body>({ ...operation, validate }, { wish: 'everything' })).rejects.toThrow('too much');
});

test('of too many sessions the oldest gives way', async () => {
  const uia = begin();
  const { session = '' } = await challenge(uia, {});
  for (let count = 0; count < 1_000; count++) await challenge(uia, {});
  expect(await challenge(uia, { auth: { type: 'other', session } })).toMatchObject({ errcode: 'M_UNKNOWN' });
});
