import { expect, test } from 'vitest';
import { CHEAP_PASSWORD_COST, PasswordHasher } from './password-hasher.ts';

let salts = 0;
const random = { bytes: (count: number) => new Uint8Array(count).fill(++salts) };
const hasher = new PasswordHasher(random, CHEAP_PASSWORD_COST);

test('a password fits its own hash and no other does', async () => {
  const hash = await hasher.hash('correct horse');
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=8,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(await hasher.verify('correct horse', hash)).toBe(true);
  expect(await hasher.verify('Correct horse', hash)).toBe(false);
  expect(await hasher.verify('', hash)).toBe(false);
});

test('the same password has another hash each time', async () => {
  expect(await hasher.hash('correct horse')).not.toBe(await hasher.hash('correct horse'));
});

test('a hash that was made at another cost is checked at its own', async () => {
  const hash = await new PasswordHasher(random, { memoryKib: 16, passes: 2 }).hash('correct horse');
  expect(await hasher.verify('correct horse', hash)).toBe(true);
});

test('an accent is the same however it was composed', async () => {
  expect(await hasher.verify('cafe\u0301', await hasher.hash('caf\u00e9'))).toBe(true);
});

test('without a hash the answer is no', async () => {
  expect(await hasher.verify('correct horse', undefined)).toBe(false);
});

test('a hash of an unknown form is our bug, not a wrong password', async () => {
  await expect(hasher.verify('x', '$2b$12$abc')).rejects.toThrow('unknown form');
});

test('a crowd is served in turn, and what is too many is told to come back', async () => {
  const crowd = await Promise.allSettled(Array.from({ length: 205 }, () => hasher.verify('x', undefined)));
  const refused = crowd.filter((outcome) => outcome.status === 'rejected');
  expect(refused.map((outcome) => outcome.reason.errcode)).toEqual(Array(3).fill('M_LIMIT_EXCEEDED'));
  expect(await hasher.verify('x', undefined)).toBe(false);
});
