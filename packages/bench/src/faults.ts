/** What whoever runs the bench can mend before it runs: arguments, an address, a configuration. Exit status 2. */
export class UsageFault extends Error {
  override readonly name = 'UsageFault';
}

/** A target that broke, or answered wrongly, while it was measured. Exit status 1. */
export class TargetFault extends Error {
  override readonly name = 'TargetFault';
}
