import {
  type ChildRow,
  selectChildrenBackwards,
  selectChildrenForwards,
  selectChildrenOfKindBackwards,
  selectChildrenOfKindForwards,
  selectChildrenOfManyBackwards,
  selectChildrenOfManyForwards,
} from '../../../storage/queries/relation-pages.ts';
import type { Storage } from '../../../storage/storage.ts';

/** Which children are read: those of these parents in a stretch of the timeline, both ends left out. */
export interface ChildrenRange {
  readonly roomNid: number;
  /** At least one. */
  readonly parentIds: readonly string[];
  /** Null for any. */
  readonly relType: string | null;
  readonly type: string | null;
  readonly after: number;
  readonly before: number;
  readonly isBackwards: boolean;
  readonly limit: number;
}

/** Asks in the way for which there is an index: children of one parent are in the order of the timeline. */
export function readChildren(storage: Storage, range: ChildrenRange): Promise<ChildRow[]> {
  const { roomNid, parentIds, relType, type, after, before, isBackwards, limit } = range;
  const stretch = { roomNid, after, before, limit };
  const [parentId] = parentIds;
  if (parentId === undefined || parentIds.length > 1) {
    const statement = isBackwards ? selectChildrenOfManyBackwards : selectChildrenOfManyForwards;
    return storage.read(statement, { ...stretch, parentIds, relType, type });
  }
  if (relType === null) {
    return storage.read(isBackwards ? selectChildrenBackwards : selectChildrenForwards, { ...stretch, parentId });
  }
  const statement = isBackwards ? selectChildrenOfKindBackwards : selectChildrenOfKindForwards;
  return storage.read(statement, { ...stretch, parentId, relType, type });
}
