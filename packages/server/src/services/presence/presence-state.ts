/** Specification: client-server API, "Presence". */
export type PresenceState = 'online' | 'unavailable' | 'offline';

/** Who did nothing for so long is idle. */
const IDLE_AFTER_MS = 300_000;
/** Who did something in this time is active, and nobody is told each time that he does something again. */
const ACTIVE_FOR_MS = 60_000;

/** What a device said last, or its requests for news say for it. */
export interface DevicePresence {
  presence: PresenceState;
  /** Requests for news that are open. */
  openRequests: number;
  /** How long it counts when none is open. Wall clock. */
  untilMs: number;
}

/** What is known of a user of this server. */
export interface UserActivity {
  readonly devices: ReadonlyMap<string, DevicePresence>;
  /** When the user did something last. Wall clock; 0 where that is not known. */
  readonly lastActiveMs: number;
}

/** What others are told, and what makes it worth telling them again. */
export interface ShownPresence {
  readonly presence: PresenceState;
  readonly isActive: boolean;
  readonly statusMessage: string | undefined;
}

/** The devices of a user together: the one that is there most counts. */
export function presenceOf(
  { devices, lastActiveMs }: UserActivity,
  nowMs: number,
): Pick<ShownPresence, 'presence' | 'isActive'> {
  let isOnline = false;
  let isThere = false;
  for (const device of devices.values()) {
    if (!isCounted(device, nowMs)) continue;
    isOnline ||= device.presence === 'online';
    isThere ||= device.presence !== 'offline';
  }
  if (!isThere) return { presence: 'offline', isActive: false };
  const quietMs = nowMs - lastActiveMs;
  if (!isOnline || quietMs >= IDLE_AFTER_MS) return { presence: 'unavailable', isActive: false };
  return { presence: 'online', isActive: quietMs < ACTIVE_FOR_MS };
}

export function isCounted({ openRequests, untilMs }: DevicePresence, nowMs: number): boolean {
  return openRequests > 0 || untilMs > nowMs;
}

export function isSameShown(one: ShownPresence, other: ShownPresence): boolean {
  return (
    one.presence === other.presence && one.isActive === other.isActive && one.statusMessage === other.statusMessage
  );
}
