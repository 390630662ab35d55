import type { DoctorParts } from '../doctor-parts.ts';
import { type Finding, good, problem } from '../finding.ts';

/** Whether what the server acknowledges can be kept. */
export async function checkDatabase({ config, examination }: DoctorParts): Promise<readonly Finding[]> {
  if ('fault' in examination) {
    return [
      problem('database', examination.fault, 'Mend that first: without its database and key the server is none.'),
    ];
  }
  const { databaseFault } = examination;
  if (databaseFault === null) {
    return [good('database', 'The database can be written.')];
  }
  const place = 'sqlite' in config.database ? config.database.sqlite.path : 'the PostgreSQL server';
  return [
    problem(
      'database',
      `The database cannot be written: ${databaseFault}.`,
      `Look for a full disk, missing permissions or a lost connection at ${place}.`,
    ),
  ];
}
