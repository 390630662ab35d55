/** Why the stories cannot be told at all. */
export class InteropFault extends Error {
  readonly exitStatus: number;

  constructor(message: string, exitStatus: number) {
    super(message);
    this.name = 'InteropFault';
    this.exitStatus = exitStatus;
  }
}

/** No Synapse to be had: that says nothing of Limpet. */
export const EXIT_NO_SYNAPSE = 3;
/** Something that was started did not work. */
export const EXIT_NO_START = 1;
