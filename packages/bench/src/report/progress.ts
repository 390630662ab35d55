/** The terminal is written to at least this often, so that nobody wonders whether the bench still runs. */
const REFRESH_MS = 500;
/** Where lines cannot be written over, they come more rarely. */
const LINE_EVERY_MS = 10_000;

export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Step {
  /** One more of `total` is done. */
  advance(): void;
}

/** Says on standard error what the bench is doing and for how long: one line that changes, or lines in a log. */
export class Progress {
  readonly #output: ProgressOutput;
  readonly #timer: NodeJS.Timeout;
  #text = '';
  #total: number | undefined;
  #done = 0;
  #begunMs = 0;
  #writtenMs = 0;

  constructor(output: ProgressOutput) {
    this.#output = output;
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MS);
  }

  /** The next thing, in `total` parts if that is given. */
  begin(text: string, total?: number): Step {
    this.#text = text;
    this.#total = total;
    this.#done = 0;
    this.#begunMs = performance.now();
    this.#write();
    return {
      advance: () => {
        this.#done++;
      },
    };
  }

  /** Leaves the terminal to the table. */
  end(): void {
    clearInterval(this.#timer);
    if (this.#output.isTTY === true) this.#output.write('\r\x1b[K');
  }

  #refresh(): void {
    const isDue = this.#output.isTTY === true || performance.now() - this.#writtenMs >= LINE_EVERY_MS;
    if (this.#text !== '' && isDue) this.#write();
  }

  #write(): void {
    this.#writtenMs = performance.now();
    const seconds = Math.round((this.#writtenMs - this.#begunMs) / 1000);
    const parts = this.#total === undefined ? '' : ` ${this.#done} of ${this.#total}`;
    const line = `${this.#text}${parts}${seconds === 0 ? '' : `, ${seconds} s`}`;
    const { isTTY, columns = 80 } = this.#output;
    this.#output.write(isTTY === true ? `\r\x1b[K${line.slice(0, columns - 1)}` : `${line}\n`);
  }
}
