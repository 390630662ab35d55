import { expect, test } from 'vitest';
import type { Subject } from '../targets/subject.ts';
import { Report } from './report.ts';
import { tableOf } from './table.ts';

const floor = subject('floor');
const server = subject('a');

test('the table has a column for each subject, and ratios to the first', () => {
  const report = new Report();
  report.add({ scenario: 'memory', name: 'at rest', unit: 'MB', subject: server, value: 140.4 });
  report.add({ scenario: 'send', name: 'rate', unit: '/s', subject: floor, value: 18_800 });
  report.add({ scenario: 'send', name: 'rate', unit: '/s', subject: server, value: 9_400 });
  report.add({ scenario: 'send', name: 'p50', unit: 'ms', subject: floor, value: 2.5 });
  report.remark({ scenario: 'send', subject: 'a', text: 'the connection was closed', isFailure: true });

  expect(tableOf(report, [floor, server]).split('\n')).toEqual([
    '                     floor         a  a / floor',
    'send    rate     18,800 /s  9,400 /s       0.50',
    '        p50        2.50 ms         -          -',
    'memory  at rest          -    140 MB          -',
    'send of a FAILED: the connection was closed',
  ]);
});

test('one subject has no ratios', () => {
  const report = new Report();
  report.add({ scenario: 'send', name: 'p50', unit: 'ms', subject: server, value: 12.34 });
  expect(tableOf(report, [server]).split('\n')).toEqual(['                 a', 'send  p50  12.3 ms']);
});

function subject(name: string): Subject {
  return { name, kind: 'homeserver', url: new URL('http://127.0.0.1'), processId: undefined };
}
