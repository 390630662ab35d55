import { expect, test } from 'vitest';
import type { Pdu } from '../pdu.ts';
import { mainlineOrder } from './mainline-order.ts';
import { idsOf } from './tests/random-rooms.ts';
import { readStoryEvent, roomVersion, storyEventId } from './tests/story.ts';

const version = roomVersion('11');

test('older epochs go first, whatever the clock says; no epoch before all; then time and event ID', () => {
  const events = eventsOf([
    power('power-1'),
    power('power-2', 'power-1'),
    power('power-3', 'power-2'),
    topic('of-3', 1, 'power-3'),
    topic('of-2', 2, 'power-2'),
    topic('of-1-late', 9, 'power-1'),
    topic('of-1-b', 3, 'power-1'),
    topic('of-1-a', 3, 'power-1'),
    topic('of-none', 99),
  ]);
  const given = idsOf('of-1-late', 'of-3', 'of-none', 'of-1-b', 'of-2', 'of-1-a');
  const ordered = idsOf('of-none', 'of-1-a', 'of-1-b', 'of-1-late', 'of-2', 'of-3');
  expect(mainlineOrder(given, storyEventId('power-3'), events)).toEqual(ordered);
});

test('power levels off the mainline count as of where they left it', () => {
  const events = eventsOf([
    power('power-1'),
    power('power-2', 'power-1'),
    power('side-1', 'power-1'),
    power('side-2', 'side-1'),
    power('apart'),
    topic('of-2', 5, 'power-2'),
    topic('of-side', 9, 'side-2'),
    topic('of-1', 8, 'power-1'),
    topic('of-apart', 7, 'apart'),
  ]);
  const given = idsOf('of-2', 'of-side', 'of-1', 'of-apart');
  const ordered = idsOf('of-apart', 'of-1', 'of-side', 'of-2');
  expect(mainlineOrder(given, storyEventId('power-2'), events)).toEqual(ordered);
  expect(mainlineOrder(given.toReversed(), storyEventId('power-2'), events)).toEqual(ordered);
});

test('power levels belong to the epoch they were set in, not to the one they begin', () => {
  const sketches = [power('power-1'), { ...power('power-2', 'power-1'), time: 5 }];
  const events = eventsOf([...sketches, topic('of-1', 9, 'power-1'), topic('of-2', 1, 'power-2')]);
  const given = idsOf('of-2', 'of-1', 'power-2');
  expect(mainlineOrder(given, storyEventId('power-2'), events)).toEqual(idsOf('power-2', 'of-1', 'of-2'));
});

test('without power levels time and event ID decide', () => {
  const events = eventsOf([power('power-1'), topic('b', 1, 'power-1'), topic('c', 0, 'power-1'), topic('a', 1)]);
  expect(mainlineOrder(idsOf('b', 'a', 'c'), undefined, events)).toEqual(idsOf('c', 'a', 'b'));
});

test('a ring of power levels ends', () => {
  const events = eventsOf([power('a', 'b'), power('b', 'a'), topic('x', 2, 'a'), topic('y', 1, 'b')]);
  expect(mainlineOrder(idsOf('x', 'y'), storyEventId('b'), events)).toEqual(idsOf('x', 'y'));
  expect(mainlineOrder(idsOf('x', 'y'), undefined, events)).toEqual(idsOf('y', 'x'));
});

test('many events at the far end of a long line off the mainline cost one walk', () => {
  const length = 1000;
  const line = Array.from({ length }, (_, index) => power(`p${index}`, ...(index === 0 ? [] : [`p${index - 1}`])));
  const topics = Array.from({ length }, (_, index) => topic(`t${index}`, index, `p${length - 1}`));
  const reads = new CountingMap(eventsOf([...line, ...topics]));
  const given = topics.map(({ id }) => storyEventId(id));
  expect(mainlineOrder(given, storyEventId('p0'), reads)).toEqual(given);
  expect(reads.count).toBeLessThan(10 * length);
});

class CountingMap extends Map<string, Pdu> {
  count = 0;

  override get(eventId: string): Pdu | undefined {
    this.count += 1;
    return super.get(eventId);
  }
}

type Sketch = Parameters<typeof readStoryEvent>[0];

function power(id: string, ...auth: string[]): Sketch {
  return { id, sender: '@alice', type: 'm.room.power_levels', key: '', content: {}, auth };
}

function topic(id: string, time: number, ...auth: string[]): Sketch {
  return { id, sender: '@alice', type: 'm.room.topic', key: '', content: {}, auth, time };
}

function eventsOf(sketches: readonly Sketch[]): Map<string, Pdu> {
  const events = sketches.map((sketch, index) => readStoryEvent(sketch, index, version));
  return new Map(events.map((event) => [event.eventId, event]));
}
