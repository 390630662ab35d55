/** The bytes of an answer that are read while they are sent: for what is too large to hold in memory. */
export class StreamedBytes<Size extends number | undefined = number | undefined> {
  /** `undefined` where it is not known before they were read. */
  readonly sizeBytes: Size;
  /** Begins to read. Not called where nobody wants the bytes (HEAD). */
  readonly read: () => AsyncIterable<Uint8Array>;

  constructor(sizeBytes: Size, read: () => AsyncIterable<Uint8Array>) {
    this.sizeBytes = sizeBytes;
    this.read = read;
  }
}
