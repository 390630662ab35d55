import { SCENARIO_NAMES, type ScenarioName } from '../scenarios/scenario-name.ts';
import type { Subject } from '../targets/subject.ts';

export type Unit = '/s' | 'ms' | 'MB';

/** One line of the table. */
export interface Measurement {
  readonly scenario: ScenarioName;
  readonly name: string;
  readonly unit: Unit;
  /** By the name of the subject. */
  readonly values: Record<string, number>;
}

export interface Remark {
  readonly scenario: ScenarioName;
  readonly subject: string;
  readonly text: string;
  /** Whether the measurement could not be made though it should have been. */
  readonly isFailure: boolean;
}

export interface Figure {
  readonly scenario: ScenarioName;
  readonly name: string;
  readonly unit: Unit;
  readonly subject: Subject;
  readonly value: number;
}

/** What has been measured so far. */
export class Report {
  readonly #measurements: Measurement[] = [];
  readonly remarks: Remark[] = [];

  /** Lines of one scenario stand together, whenever they were measured. */
  get measurements(): Measurement[] {
    return SCENARIO_NAMES.flatMap((name) => this.#measurements.filter(({ scenario }) => scenario === name));
  }

  add({ scenario, name, unit, subject, value }: Figure): void {
    const found = this.#measurements.find((line) => line.scenario === scenario && line.name === name);
    const line = found ?? { scenario, name, unit, values: {} };
    if (found === undefined) this.#measurements.push(line);
    line.values[subject.name] = value;
  }

  remark(remark: Remark): void {
    this.remarks.push(remark);
  }

  get hasFailures(): boolean {
    return this.remarks.some(({ isFailure }) => isFailure);
  }
}
