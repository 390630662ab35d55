/** What is measured: a homeserver, or the floor program. */
export interface Subject {
  /** Head of its column. */
  readonly name: string;
  readonly kind: 'homeserver' | 'floor';
  readonly url: URL;
  /** Of its process on this machine, where known: for its memory. */
  readonly processId: number | undefined;
}
