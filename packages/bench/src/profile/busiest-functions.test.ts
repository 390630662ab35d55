import { expect, test } from 'vitest';
import { busiestFunctions } from './busiest-functions.ts';

const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 9 });

test('only samples within an interval count, each until the next', () => {
  const profile = {
    startTime: 1_000_000,
    nodes: [
      { id: 1, callFrame: frame('(idle)') },
      { id: 2, callFrame: frame('send', 'file:///somewhere/packages/server/src/a.ts') },
      { id: 3, callFrame: frame('', 'file:///somewhere/node_modules/b/b.js') },
    ],
    // At 1.000, 1.010, 1.020, 1.050 and 1.060 s.
    samples: [2, 2, 3, 2, 1],
    timeDeltas: [0, 10_000, 10_000, 30_000, 10_000],
  };
  const intervals = [{ beginUs: 1_010_000, endUs: 1_060_000 }];
  expect(busiestFunctions(profile, intervals)).toEqual([
    { place: '(anonymous) node_modules/b/b.js:10', selfMs: 30 },
    { place: 'send packages/server/src/a.ts:10', selfMs: 20 },
  ]);
});
