/** The person, or the program, that ran the command. */
export interface Terminal {
  /** One line of the answer. */
  print(line: string): void;
  /** One line about what went wrong; it goes where answers do not. */
  printError(line: string): void;
  /** Whether a person can be asked. */
  readonly isInteractive: boolean;
  /** Asks without showing what is typed. Throws PromptCancelled when the person gives up. */
  askSecret(question: string): Promise<string>;
  /** All of standard input. */
  readInput(): Promise<string>;
}

/** The person pressed Control-C or Control-D. */
export class PromptCancelled extends Error {
  constructor() {
    super('Cancelled');
    this.name = 'PromptCancelled';
  }
}
