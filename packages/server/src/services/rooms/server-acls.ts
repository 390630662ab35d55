import type { Verdict } from '@limpet/protocol/verdict';
import type { RoomRecord } from './room-event.ts';
import { checkServerAcl } from './server-acl.ts';
import type { StateStore } from './state-store.ts';

/** Whether servers may take part in rooms, by the current state of those. */
export class ServerAcls {
  readonly #state: Pick<StateStore, 'current'>;

  constructor(state: Pick<StateStore, 'current'>) {
    this.#state = state;
  }

  async check(room: RoomRecord, serverName: string): Promise<Verdict> {
    const event = await this.#state.current(room, 'm.room.server_acl', '');
    return checkServerAcl(event?.pdu.content, serverName);
  }
}
