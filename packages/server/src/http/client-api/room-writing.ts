import type { Route } from '../route.ts';
import { reportingRoutes } from './reporting.ts';
import { roomCreationRoutes } from './room-creation.ts';
import { roomDirectoryRoutes } from './room-directory.ts';
import { roomMembershipRoutes } from './room-membership.ts';
import { roomSendingRoutes } from './room-sending.ts';
import { roomUpgradeRoutes } from './room-upgrade.ts';
import type { RoomWritingServices } from './room-writing-services.ts';

/** Every endpoint that changes a room, and those of aliases and the directory. */
export function roomWritingRoutes(services: RoomWritingServices): Route[] {
  return [
    ...roomCreationRoutes(services),
    ...roomMembershipRoutes(services),
    ...roomSendingRoutes(services),
    ...roomDirectoryRoutes(services),
    ...roomUpgradeRoutes(services),
    ...reportingRoutes(services),
  ];
}
