import type { JsonObject } from '@limpet/protocol/json';
import type { Pdu } from '@limpet/protocol/pdu';
import type { Session } from '../../src/services/accounts/sessions.ts';
import { FakeResident, type FakeResidentOptions } from './fake-resident.ts';
import { createFakeFederation } from './fake-resident-federation.ts';
import type { ManualWorld } from './manual-world.ts';
import { pushTransaction } from './push-transaction.ts';
import { SyncingClient } from './syncing-client.ts';
import type { TestFederation } from './test-federation.ts';
import type { TestResponse, TestServer } from './test-server.ts';

interface FarRoomOptions {
  readonly isJoined?: boolean;
  readonly onOtherRequest?: Parameters<typeof createFakeFederation>[2];
  /** Further fake servers. */
  readonly others?: readonly FakeResident[];
}

const CLIENT = '/_matrix/client/v3';

/** A server under test (`here.test`) with users alice and zoe in a room of a fake one (`far.test`), which pushes. */
export interface FarRoom {
  readonly federation: TestFederation;
  readonly world: ManualWorld;
  readonly far: FakeResident;
  readonly roomId: string;
  readonly alice: Session;
  readonly zoe: Session;
  /** The server as it runs now: a restart makes another one. */
  here(): TestServer;
  /** What the fake server pushes: these events, as they are. */
  push(pdus: readonly (Pdu | JsonObject)[], txnId?: string): Promise<TestResponse>;
  pushEdu(type: string, content: JsonObject): Promise<TestResponse>;
  client(session: Session): SyncingClient;
  /** A request of a user, alice unless told otherwise, below `/_matrix/client/v3`. */
  ask(method: 'GET' | 'POST' | 'PUT', path: string, body?: JsonObject, who?: Session): Promise<TestResponse>;
  /** The IDs of the messages of the room, the oldest first. */
  messages(): Promise<unknown[]>;
}

export async function createFarRoom(options: FakeResidentOptions & FarRoomOptions = {}): Promise<FarRoom> {
  const { isJoined = true, onOtherRequest, others = [], ...resident } = options;
  const far = new FakeResident('far.test', resident);
  const { federation, world } = await createFakeFederation(['here.test'], [far, ...others], onOtherRequest);
  const here = () => federation.server('here.test');
  const [alice, zoe] = [await here().createUser('alice'), await here().createUser('zoe')];
  const { roomId } = far;
  const ask: FarRoom['ask'] = (method, path, body = {}, who = alice) =>
    here().request(method, `${CLIENT}/${path}`, {
      token: who.accessToken,
      ...(method === 'GET' ? {} : { body }),
    });
  if (isJoined) {
    for (const user of [alice, zoe]) {
      const { status, text } = await ask('POST', `join/${encodeURIComponent(roomId)}?server_name=far.test`, {}, user);
      if (status !== 200) throw new Error(text);
    }
  }
  return {
    federation,
    world,
    far,
    roomId,
    alice,
    zoe,
    here,
    ask,
    push: (pdus, txnId) => {
      const objects = pdus.map((pdu) => ('eventId' in pdu ? (pdu as Pdu).json : pdu) as JsonObject);
      return pushTransaction(here(), far, { pdus: objects, ...(txnId === undefined ? {} : { txnId }) });
    },
    pushEdu: (type, content) => pushTransaction(here(), far, { edus: [{ edu_type: type, content }] }),
    client: (session) => new SyncingClient(here(), session),
    async messages() {
      const answer = await ask('GET', `rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=1000`);
      const chunk = answer.body.chunk as JsonObject[];
      return chunk
        .filter(({ type }) => type === 'm.room.message')
        .map((event) => event.event_id)
        .reverse();
    },
  };
}
