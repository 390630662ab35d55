/** One thing that `limpet doctor` saw. */
export interface Finding {
  readonly check: CheckName;
  /** `note`: nothing is wrong, and the operator may want to know. */
  readonly level: 'good' | 'note' | 'problem';
  /** One sentence. */
  readonly text: string;
  /** What to do; with every problem, and with some notes. */
  readonly remedy?: string;
}

export type CheckName =
  | 'server'
  | 'database'
  | 'listeners'
  | 'certificate'
  | 'discovery'
  | 'key'
  | 'clients'
  | 'clock'
  | 'queues'
  | 'rtc';

export function good(check: CheckName, text: string): Finding {
  return { check, level: 'good', text };
}

export function note(check: CheckName, text: string, remedy?: string): Finding {
  return { check, level: 'note', text, ...(remedy === undefined ? {} : { remedy }) };
}

export function problem(check: CheckName, text: string, remedy: string): Finding {
  return { check, level: 'problem', text, remedy };
}
