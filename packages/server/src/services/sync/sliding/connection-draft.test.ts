import { describe, expect, test } from 'vitest';
import { ConnectionDraft } from './connection-draft.ts';
import { applyChange, type ConnectionState, NEW_CONNECTION, type ToldRoom } from './connection-state.ts';
import { formatStateChange, readStateChange } from './state-change-text.ts';

const LIVE: ToldRoom = {
  ...{ upTo: undefined, timelineLimit: 10, stateRules: ['rule'], isStripped: false, isDirect: false, generation: 0 },
};
const away = (position: number): ToldRoom => ({ ...LIVE, upTo: new Map([[1, position]]) });

function stateOf(rooms: Iterable<readonly [number, ToldRoom]>, rest: Partial<ConnectionState> = {}): ConnectionState {
  return { ...NEW_CONNECTION, ...rest, rooms: new Map(rooms) };
}

describe('a draft', () => {
  test('is no change while the same is told', () => {
    const draft = new ConnectionDraft(stateOf([[1, LIVE]], { extensions: ['typing'] }));
    draft.tell(1, { ...LIVE });
    draft.forget(7);
    draft.enable(['typing']);
    draft.subscribe(new Map(), []);
    draft.replaceSubscriptions(new Map([['!a:b', { timelineLimit: 1, stateRule: 'rule' }]]));
    expect(draft.change).toBeUndefined();
    expect([...draft.subscriptions.keys()]).toEqual(['!a:b']);
  });

  test('keeps no more of long rules than some requests have', () => {
    const [long, longer] = ['x'.repeat(40_000), 'y'.repeat(40_001)];
    const draft = new ConnectionDraft(stateOf([[1, { ...LIVE, stateRules: [long] }]]));
    draft.tell(2, { ...away(5), stateRules: [long] });
    draft.forgetBeyondLimit();
    expect(draft.told(1)?.stateRules).toEqual([long]);
    draft.tell(3, { ...LIVE, stateRules: [longer] });
    draft.forgetBeyondLimit();
    expect([1, 2, 3].map((nid) => draft.told(nid)?.stateRules)).toEqual([[], [], []]);

    const subscription = (stateRule: string) => ({ timelineLimit: 1, stateRule });
    draft.subscribe(new Map(['!a', '!b'].map((roomId) => [roomId, subscription(long)])), []);
    draft.subscribe(new Map([['!c', subscription('rule')]]), []);
    expect([...draft.subscriptions.keys()]).toEqual(['!a', '!b', '!c']);
    draft.subscribe(new Map([['!d', subscription(longer)]]), []);
    expect([...draft.subscriptions.keys()]).toEqual(['!c', '!d']);
  });

  test('tells rooms over what was told before, and forgets them', () => {
    const state = stateOf([
      [1, LIVE],
      [2, LIVE],
    ]);
    const draft = new ConnectionDraft(state);
    draft.tell(1, away(5));
    draft.tell(3, LIVE);
    draft.forget(2);
    draft.forget(3);
    expect([...draft.rooms()]).toEqual([[1, away(5)]]);
    const { change } = draft;
    expect(change && [...applyChange(state, change).rooms]).toEqual([[1, away(5)]]);
  });

  test('begins a generation of extensions when one is enabled, not when one is not any more', () => {
    const draft = new ConnectionDraft(stateOf([], { extensions: ['typing'], generation: 4 }));
    draft.enable(['typing', 'receipts']);
    expect(draft.generation).toBe(5);
    draft.enable(['receipts']);
    expect(draft.generation).toBe(5);
    expect(draft.change).toMatchObject({ extensions: ['receipts'], generation: 5 });
  });

  test('forgets rooms beyond its limit, those first that left the windows first', () => {
    const draft = new ConnectionDraft(
      stateOf([
        [1, away(9)],
        [2, away(3)],
        [3, LIVE],
        [4, away(6)],
      ]),
      2,
    );
    draft.tell(5, LIVE);
    draft.forgetBeyondLimit();
    expect([...draft.rooms()].map(([nid]) => nid)).toEqual([3, 5]);
    const few = new ConnectionDraft(stateOf([[1, away(9)]]), 2);
    few.forgetBeyondLimit();
    expect(few.change).toBeUndefined();
  });

  test('ends the oldest subscriptions when there are too many', () => {
    const draft = new ConnectionDraft(NEW_CONNECTION);
    const rule = { timelineLimit: 1, stateRule: 'rule' };
    for (let number = 0; number < 502; number += 1) draft.subscribe(new Map([[`!r${number}:b`, rule]]), []);
    expect(draft.subscriptions.size).toBe(500);
    expect([draft.subscriptions.has('!r1:b'), draft.subscriptions.has('!r2:b')]).toEqual([false, true]);
  });
});

test('a change is read as it was written', () => {
  const change = {
    rooms: new Map<number, ToldRoom | undefined>([
      [1, LIVE],
      [2, { ...away(77), isStripped: true, isDirect: true, generation: 3, stateRules: ['rule', 'other'] }],
      [3, undefined],
    ]),
    subscriptions: new Map([['!a:b', { timelineLimit: 7, stateRule: 'other' }]]),
    extensions: ['typing'],
    generation: 3,
  };
  expect(readStateChange(formatStateChange(change))).toEqual(change);
  const nothing = { rooms: new Map(), subscriptions: undefined, extensions: undefined, generation: undefined };
  expect(readStateChange(formatStateChange(nothing))).toEqual(nothing);
});
