import type { Terminal } from '../../platform/terminal.ts';
import type { Finding } from './finding.ts';

const EXIT_PROBLEM = 1;
/** Widths of the first two columns. */
const LEVEL_WIDTH = 9;
const CHECK_WIDTH = 13;

/** Prints the findings; gives the exit status. */
export function report(findings: readonly Finding[], terminal: Terminal, asJson: boolean): number {
  const problems = findings.filter(({ level }) => level === 'problem').length;
  for (const finding of findings) {
    if (asJson) {
      terminal.print(JSON.stringify(finding));
      continue;
    }
    const { level, check, text, remedy } = finding;
    terminal.print(`${level.padEnd(LEVEL_WIDTH)}${check.padEnd(CHECK_WIDTH)}${text}`);
    if (remedy !== undefined) {
      terminal.print(`${' '.repeat(LEVEL_WIDTH + CHECK_WIDTH)}${remedy}`);
    }
  }
  if (!asJson) {
    terminal.print(problems === 0 ? 'Nothing is wrong.' : problems === 1 ? '1 problem.' : `${problems} problems.`);
  }
  return problems === 0 ? 0 : EXIT_PROBLEM;
}
