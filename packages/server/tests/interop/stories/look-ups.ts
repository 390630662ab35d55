import type { JsonObject } from '@limpet/protocol/json';
import { assertEqual, assertRefused } from '../assert-equal.ts';
import { createRoom, roomPath, say, setState, sharedRoom } from '../room-actions.ts';
import type { Story } from '../story.ts';

/** What one server asks the other for its users. */
export const LOOK_UP_STORIES: readonly Story[] = [
  {
    name: 'profiles',
    versions: 'newest',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world);
      const profile = `/profile/${encodeURIComponent(owner.userId)}`;
      await owner.v3('PUT', `${profile}/displayname`, { displayname: 'The Owner' });
      const asked = await guest.v3('GET', profile);
      assertEqual('the name', asked.displayname, 'The Owner');
      await guest.until('the new name in the room', (view) => {
        const content = view.room(roomId).state.get(`m.room.member|${owner.userId}`)?.content as JsonObject;
        return content.displayname === 'The Owner';
      });
      const nobody = `/profile/${encodeURIComponent(`@nobody-${world.unique}:${world.home.serverName}`)}`;
      await assertRefused('the profile of nobody', 404, () => guest.v3('GET', nobody));
    },
  },
  {
    name: 'aliases',
    versions: 'newest',
    async tell(world) {
      const owner = await world.user(world.home, 'owner');
      const guest = await world.user(world.away, 'guest');
      const roomId = await createRoom(owner, world, { room_alias_name: `named-${world.unique}` });
      const path = (name: string) => `/directory/room/${encodeURIComponent(`#${name}:${world.home.serverName}`)}`;
      const found = await guest.v3('GET', path(`named-${world.unique}`));
      assertEqual('the room', found.room_id, roomId);
      assertEqual('the servers', found.servers, [world.home.serverName]);
      await assertRefused('an alias that is not there', 404, () => guest.v3('GET', path(`unnamed-${world.unique}`)));
    },
  },
  {
    name: 'public rooms',
    versions: 'newest',
    async tell(world) {
      const owner = await world.user(world.home, 'owner');
      const guest = await world.user(world.away, 'guest');
      const name = `Listed ${world.unique}`;
      const roomId = await createRoom(owner, world, { visibility: 'public', name });
      await guest.eventually('the room in the list of the other server', async () => {
        const body = { filter: { generic_search_term: name } };
        const { chunk } = await guest.v3('POST', `/publicRooms?server=${world.home.serverName}`, body);
        return (chunk as JsonObject[]).some((room) => room.room_id === roomId);
      });
    },
  },
  {
    name: 'spaces',
    versions: 'newest',
    async tell(world) {
      const { owner, guest, roomId: spaceId } = await sharedRoom(world, { creation_content: { type: 'm.space' } });
      const roomId = await createRoom(owner, world, { name: 'A room of the space' });
      const content = { via: [world.home.serverName] };
      const path = `${roomPath(spaceId, 'state')}/m.space.child/${encodeURIComponent(roomId)}`;
      await owner.v3('PUT', path, content);
      await guest.until('the child', (view) => view.room(spaceId).state.has(`m.space.child|${roomId}`));
      const hierarchy = `/_matrix/client/v1/rooms/${encodeURIComponent(spaceId)}/hierarchy`;
      const { rooms } = await guest.ask('GET', hierarchy);
      const names = (rooms as JsonObject[]).filter((room) => room.room_id === roomId).map((room) => room.name);
      assertEqual('the room in the hierarchy', names, ['A room of the space']);
    },
  },
  {
    name: 'an event by its time',
    versions: 'newest',
    async tell(world) {
      const owner = await world.user(world.home, 'owner');
      const roomId = await createRoom(owner, world);
      const early = await say(owner, roomId, 'early');
      for (let count = 0; count < 40; count++) await say(owner, roomId, `later ${count}`);
      await setState(owner, roomId, 'm.room.history_visibility', { history_visibility: 'shared' });
      const guest = await world.user(world.away, 'guest');
      const joined = await guest.v3(
        'POST',
        `/join/${encodeURIComponent(roomId)}?via=${world.home.serverName}&server_name=${world.home.serverName}`,
        {},
      );
      assertEqual('the room', joined.room_id, roomId);
      const { origin_server_ts } = await owner.v3('GET', `${roomPath(roomId, 'event')}/${encodeURIComponent(early)}`);
      const query = `ts=${origin_server_ts}&dir=f`;
      const found = await guest.ask(
        'GET',
        `/_matrix/client/v1/rooms/${encodeURIComponent(roomId)}/timestamp_to_event?${query}`,
      );
      assertEqual('the event at that time', found.event_id, early);
    },
  },
  {
    name: 'a room is replaced',
    versions: 'newest',
    async tell(world) {
      const { owner, guest, roomId } = await sharedRoom(world, { name: 'Old walls' });
      const body = { new_version: world.roomVersion };
      const { replacement_room: fresh } = await owner.v3('POST', roomPath(roomId, 'upgrade'), body);
      const newRoomId = String(fresh);
      await guest.until('the tombstone', (view) => {
        const tombstone = view.room(roomId).state.get('m.room.tombstone|')?.content as JsonObject | undefined;
        return tombstone?.replacement_room === newRoomId;
      });
      const servers = `via=${world.home.serverName}&server_name=${world.home.serverName}`;
      await guest.v3('POST', `/join/${encodeURIComponent(newRoomId)}?${servers}`, {});
      await guest.until('the name in the new room', (view) => {
        const name = view.room(newRoomId).state.get('m.room.name|')?.content as JsonObject | undefined;
        return name?.name === 'Old walls';
      });
    },
  },
];
