import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Branch } from '../../../../tests/support/forked-room.ts';
import { ALICE, BOB, CAROL, JoinedRoom } from '../../../../tests/support/joined-room.ts';
import { selectChildrenForwards } from '../../../storage/queries/relation-pages.ts';
import { selectBundles } from '../../../storage/queries/relations.ts';

/** Events of other servers, as they come: late, out of order, redacted before they are there. */

let here: JoinedRoom;

beforeEach(async () => {
  here = await JoinedRoom.open();
});

afterEach(() => here.close());

function relating(sender: string, to: Branch, relType: string, stickyMs?: number) {
  const relation: JsonObject = { rel_type: relType, event_id: to.pdu.eventId };
  const content = { body: 'related', 'm.relates_to': relation, 'm.new_content': { body: 'new' } };
  return { ...here.far.say(sender, ''), content, ...(stickyMs === undefined ? {} : { stickyMs }) };
}

/** Event IDs of what relates to this event, oldest first. */
async function children({ pdu }: Branch): Promise<string[]> {
  const { nid: roomNid } = await here.record();
  const stretch = { after: Number.MIN_SAFE_INTEGER, before: Number.MAX_SAFE_INTEGER, limit: 100 };
  const rows = await here.storage.read(selectChildrenForwards, { roomNid, parentId: pdu.eventId, ...stretch });
  const events = await here.rooms.events.byNids(rows.map((row) => row.event_nid));
  return rows.map((row) => events.get(row.event_nid)?.pdu.eventId ?? '');
}

async function threadCount({ pdu }: Branch): Promise<number | undefined> {
  const { nid: roomNid } = await here.record();
  const query = { roomNid, eventIds: [pdu.eventId], userId: ALICE, upTo: Number.MAX_SAFE_INTEGER };
  return (await here.storage.read(selectBundles, query))[0]?.thread_count;
}

test('what is received relates at once, also in one step with its parent and its redaction', async () => {
  const root = here.far.after(here.joined, here.far.say(BOB, 'root'));
  const first = here.far.after(root, relating(BOB, root, 'm.thread'));
  const second = here.far.after(first, relating(CAROL, root, 'm.thread'));
  const redaction = here.far.after(second, {
    ...{ sender: CAROL, type: 'm.room.redaction', content: {}, redacts: second.pdu.eventId },
  });
  await here.receive(root, first, second, redaction);
  expect(await children(root)).toEqual([first.pdu.eventId]);
  expect(await threadCount(root)).toBe(1);
});

test('what was redacted before it came relates to nothing', async () => {
  const root = here.far.after(here.joined, here.far.say(BOB, 'root'));
  const child = here.far.after(root, relating(BOB, root, 'm.thread'));
  const redaction = here.far.after(root, {
    ...{ sender: BOB, type: 'm.room.redaction', content: {}, redacts: child.pdu.eventId },
  });
  await here.receive(root);
  await here.receive(redaction);
  await here.receive(child);
  expect(await children(root)).toEqual([]);
});

test('soft-failed events relate when they get their place, and not before', async () => {
  const root = here.far.after(here.joined, here.far.say(CAROL, 'root'));
  const kick = here.far.after(root, here.far.member(BOB, 'leave', here.far.creator));
  const kept = here.far.after(root, relating(BOB, root, 'm.thread', 3_600_000));
  await here.receive(root, kick);
  expect(await here.outcomes(kept)).toEqual(['soft-failed']);
  expect(await children(root)).toEqual([]);
  await here.receive(here.far.after(kick, here.far.member(BOB, 'join')));
  await here.rooms.stop();
  expect(await children(root)).toEqual([kept.pdu.eventId]);
  expect(await threadCount(root)).toBe(1);
});
