export interface DoctorOptions {
  readonly config?: string;
  readonly server?: readonly string[];
  readonly json?: boolean;
}

/** `limpet doctor`: gives the exit status. */
export interface DoctorActions {
  doctor(options: DoctorOptions): Promise<number>;
}
