/** A row of the floor program's only table. */
export interface FloorRow {
  readonly id: string;
  readonly text: string;
}
