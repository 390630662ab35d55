import { serverNameOf, type UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { insertReport, selectReports } from '../../storage/queries/reports.ts';
import { selectUser } from '../../storage/queries/users.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from './event-store.ts';
import { joinedRoom } from './joined-rooms.ts';
import type { MembershipReader } from './membership-reader.ts';

/** Of a reason, in characters: what is longer is cut. */
const MAX_REASON_LENGTH = 5_000;
/** Reports that an administrator is shown. */
const MAX_LISTED = 1_000;

export interface Report {
  readonly reporter: string;
  /** What is reported: an event with its room, a room, or a user. */
  readonly roomId: string | undefined;
  readonly eventId: string | undefined;
  readonly userId: string | undefined;
  /** From -100, most offensive, to 0. */
  readonly score: number | undefined;
  readonly reason: string;
  readonly receivedTs: number;
}

interface ReportsParts {
  readonly storage: Storage;
  readonly serverName: string;
  readonly platform: Pick<Platform, 'clock' | 'log'>;
  readonly events: EventStore;
  readonly memberships: MembershipReader;
}

type NewReport = Pick<Report, 'reporter'> & Partial<Report>;

/** Keeps what users report, for the administrators to read. Specification: client-server API, "Reporting content". */
export class Reports {
  readonly #parts: ReportsParts;

  constructor(parts: ReportsParts) {
    this.#parts = parts;
  }

  /** Throws M_NOT_FOUND for an event that is not in the room, and for every one where the reporter is not joined. */
  async ofEvent(report: NewReport & { readonly roomId: string; readonly eventId: string }): Promise<void> {
    const { roomId, eventId, reporter } = report;
    const { events } = this.#parts;
    const room = await joinedRoom(this.#parts, roomId, reporter).catch((error: unknown) => {
      if (error instanceof MatrixError) return undefined;
      throw error;
    });
    const event = (await events.byIds([eventId])).get(eventId);
    if (room === undefined || event?.room.nid !== room.nid) {
      throw new MatrixError('M_NOT_FOUND', 'There is no such event in this room, or you are not joined to it.');
    }
    await this.#keep({ ...report, userId: event.pdu.sender });
  }

  /** Throws M_NOT_FOUND for a room that is not known here. */
  async ofRoom(report: NewReport & { readonly roomId: string }): Promise<void> {
    if ((await this.#parts.events.room(report.roomId)) === undefined) {
      throw new MatrixError('M_NOT_FOUND', 'This room is not known here.');
    }
    await this.#keep(report);
  }

  /** Throws M_NOT_FOUND for a user of this server that there is not. */
  async ofUser(report: NewReport & { readonly userId: UserId }): Promise<void> {
    const { storage, serverName } = this.#parts;
    const { userId } = report;
    const isOurs = serverNameOf(userId) === serverName;
    if (isOurs && (await storage.read(selectUser, { userId })).length === 0) {
      throw new MatrixError('M_NOT_FOUND', `There is no user ${userId}.`);
    }
    await this.#keep(report);
  }

  /** The newest first. */
  async list(): Promise<Report[]> {
    const rows = await this.#parts.storage.read(selectReports, { before: Number.MAX_SAFE_INTEGER, limit: MAX_LISTED });
    return rows.map((row) => ({
      reporter: row.reporter,
      roomId: row.room_id ?? undefined,
      eventId: row.event_id ?? undefined,
      userId: row.user_id ?? undefined,
      score: row.score ?? undefined,
      reason: row.reason,
      receivedTs: row.received_ts,
    }));
  }

  async #keep({ reporter, roomId, eventId, userId, score, reason = '' }: NewReport): Promise<void> {
    const { storage, platform } = this.#parts;
    const row = {
      reporter,
      roomId: roomId ?? null,
      eventId: eventId ?? null,
      userId: userId ?? null,
      score: score ?? null,
      reason: reason.slice(0, MAX_REASON_LENGTH),
      receivedTs: platform.clock.nowMs(),
    };
    await storage.write((transaction) => transaction.run(insertReport, { ...row, reportNid: transaction.allocate() }));
    platform.log.info('A user reported something. See it with "limpet report list"', {
      reporter,
      roomId,
      eventId,
      userId,
    });
  }
}
