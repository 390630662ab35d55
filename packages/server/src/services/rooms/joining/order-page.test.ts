import { describe, expect, test } from 'vitest';
import type { ReceivedEvent } from '../received-event.ts';
import { orderPage } from './order-page.ts';

function event(eventId: string, prevEvents: readonly string[], depth: number): ReceivedEvent {
  return { pdu: { eventId, prevEvents, depth, originServerTs: 0 } } as unknown as ReceivedEvent;
}

function order(events: readonly ReceivedEvent[], from: readonly string[]): string[] {
  return orderPage(events, from).map(({ pdu }) => pdu.eventId);
}

describe('a page of history', () => {
  test('goes from old to new, whatever order it came in and whatever depths it claims', () => {
    const chain = [event('$c', ['$b'], 1), event('$a', ['$z'], 9), event('$b', ['$a'], 5)];
    expect(order(chain, ['$c'])).toEqual(['$a', '$b', '$c']);
  });

  test('takes both sides of a fork by depth', () => {
    const fork = [event('$d', ['$b', '$c'], 4), event('$c', ['$a'], 3), event('$b', ['$a'], 2), event('$a', [], 1)];
    expect(order(fork, ['$d'])).toEqual(['$a', '$b', '$c', '$d']);
  });

  test('leaves out what nothing here rests on, and what goes in a circle', () => {
    const strays = [event('$a', [], 1), event('$x', ['$a'], 2)];
    expect(order(strays, ['$a'])).toEqual(['$a']);
    const circle = [event('$a', ['$b'], 1), event('$b', ['$a'], 2), event('$c', [], 1)];
    expect(order(circle, ['$a', '$c'])).toEqual(['$c']);
  });
});
