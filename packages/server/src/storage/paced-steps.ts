import type { Platform } from '../platform/platform.ts';
import type { Timer } from '../platform/timers.ts';

/** How much longer than usual the pause is after a step that failed. */
const PAUSES_AFTER_FAILURE = 20;

export interface PacedStepsOptions {
  readonly platform: Pick<Platform, 'timers' | 'log'>;
  /** What is done, for the log. */
  readonly work: string;
  readonly pauseMs: number;
  /** How long it may wait before it begins; the pause, unless given. */
  readonly delayMs?: number;
  /** Does a little of it; whether there is more. */
  readonly step: () => Promise<boolean>;
}

/** Does what nobody waits for a little at a time, so that nobody notices; and faster when somebody does wait. */
export class PacedSteps {
  readonly #options: PacedStepsOptions;
  #timer: Timer | undefined;
  #isStopped = false;
  /** Steps come one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: PacedStepsOptions) {
    this.#options = options;
  }

  /** There is something to do; it begins after a while, and goes on until nothing is left. Costs nothing. */
  wake(): void {
    const { delayMs, pauseMs } = this.#options;
    this.#wait(delayMs ?? pauseMs);
  }

  /** Does up to so many steps at once. Throws what a step throws. */
  async hurry(maxSteps: number): Promise<void> {
    for (let steps = 0; steps < maxSteps && !this.#isStopped; steps++) if (!(await this.#step())) return;
    this.#wait(this.#options.pauseMs);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#last;
  }

  #wait(delayMs: number): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    this.#timer = this.#options.platform.timers.after(delayMs, () => {
      this.#timer = undefined;
      this.#goOn();
    });
  }

  #goOn(): void {
    const { platform, work, pauseMs } = this.#options;
    this.#step().then(
      (isMore) => {
        if (isMore) this.#wait(pauseMs);
      },
      (error) => {
        platform.log.warn('A step failed; trying again later', { work, error });
        this.#wait(PAUSES_AFTER_FAILURE * pauseMs);
      },
    );
  }

  #step(): Promise<boolean> {
    const step = this.#last.then(() => (this.#isStopped ? false : this.#options.step()));
    this.#last = step.catch(() => undefined);
    return step;
  }
}
