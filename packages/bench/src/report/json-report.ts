import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Options } from '../options.ts';
import type { Subject } from '../targets/subject.ts';
import type { Report } from './report.ts';

/** Of the shape below; a new one when a reader of the old would err. */
const FORMAT_VERSION = 1;

/** The figures, with what one must know to compare them with those of another day. */
export function jsonReport(report: Report, subjects: readonly Subject[], options: Options): string {
  const { durationMs, warmUpMs, rooms, clients, rounds, stickyEvents, requests, userRooms } = options;
  const value = {
    format_version: FORMAT_VERSION,
    measured_at: new Date().toISOString(),
    machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), memory_bytes: totalmem() },
    node: process.version,
    options: { durationMs, warmUpMs, rooms, clients, rounds, stickyEvents, requests, userRooms },
    subjects: subjects.map(({ name, kind, url }) => ({ name, kind, url: url.href })),
    measurements: report.measurements.map(({ scenario, name, unit, values }) => ({
      scenario,
      name,
      unit,
      values: Object.fromEntries(Object.entries(values).map(([key, figure]) => [key, Number(figure.toPrecision(6))])),
    })),
    remarks: report.remarks,
  };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
