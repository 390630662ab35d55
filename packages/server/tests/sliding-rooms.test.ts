import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { listOf, SlidingClient } from './support/sliding-client.ts';
import { SyncStory } from './support/sync-story.ts';

let story: SyncStory;
let alice: Session;
let users = 0;

beforeAll(async () => {
  story = await SyncStory.begin();
  alice = await story.user('alice');
});

afterAll(() => story.end());

/** A user with nothing behind him. */
async function newcomer(): Promise<Session> {
  users += 1;
  return story.user(`user${users}`);
}

function client(session: Session, body = {}): SlidingClient {
  return new SlidingClient(story.server, session, body);
}

describe('a room', () => {
  test('comes whole the first time, and then with what is new', async () => {
    const bob = await newcomer();
    const room = await story.room(alice, { preset: 'public_chat', name: 'Reef' });
    await story.join(bob, room);
    const first = await story.say(alice, room, 'first');
    const bobs = client(bob, { lists: { all: listOf(19, 1, { required_state: [['m.room.name', '']] }) } });
    const whole = await bobs.sync();
    expect(whole.count('all')).toBe(1);
    expect(whole.room(room)).toMatchObject({
      ...{ initial: true, name: 'Reef', joined_count: 2, invited_count: 0, limited: true, num_live: 0, is_dm: false },
      ...{ notification_count: 1, highlight_count: 0 },
    });
    expect(whole.timelineIds(room)).toEqual([first]);
    expect(whole.stateOf(room)).toEqual(['m.room.name|']);
    expect((await bobs.sync()).roomIds).toEqual([]);
    const second = await story.say(alice, room, 'second');
    const next = await bobs.sync();
    expect(next.timelineIds(room)).toEqual([second]);
    expect(next.room(room)).toMatchObject({ limited: false, num_live: 1, notification_count: 2 });
    expect(next.room(room)).not.toHaveProperty('initial');
    expect(next.room(room)).not.toHaveProperty('name');
    expect(next.room(room)).not.toHaveProperty('required_state');
  });
});
