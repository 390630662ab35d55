import type { Subject } from '../targets/subject.ts';
import type { Measurement, Report } from './report.ts';

/** Measurements as lines, subjects as columns, and each subject's ratio to the first. */
export function tableOf(report: Report, subjects: readonly Subject[]): string {
  const names = subjects.map(({ name }) => name);
  const [first, ...others] = names;
  const head = ['', '', ...names, ...others.map((name) => `${name} / ${first}`)];
  let scenario = '';
  const lines = report.measurements.map((measurement) => {
    const { values } = measurement;
    const title = measurement.scenario === scenario ? '' : measurement.scenario;
    scenario = measurement.scenario;
    return [
      title,
      measurement.name,
      ...names.map((name) => cell(measurement, values[name])),
      ...others.map((name) => ratio(values[name], first === undefined ? undefined : values[first])),
    ];
  });
  const remarks = report.remarks.map(
    ({ scenario: of, subject, text, isFailure }) => `${of} of ${subject}${isFailure ? ' FAILED' : ''}: ${text}`,
  );
  return [align([head, ...lines]), ...remarks].join('\n');
}

function cell({ unit }: Measurement, value: number | undefined): string {
  return value === undefined ? '-' : `${format(value)} ${unit}`;
}

/** Three digits that matter; thousands are told whole. */
function format(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 10 ? 1 : 2);
}

function ratio(value: number | undefined, base: number | undefined): string {
  return value === undefined || base === undefined ? '-' : (value / base).toFixed(2);
}

/** The first two columns to the left, figures to the right. */
function align(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((text, column) => (column < 2 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
