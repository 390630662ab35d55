import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';

/** A TypeScript file of the repository, parsed. Paths are relative to the repository and use `/`. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  /** Repository paths and package names that it imports, by `import`, `export … from`, `import()` or `new URL(…)`. */
  readonly imports: readonly string[];
  readonly functions: readonly FunctionShape[];
  /** The text with comments blanked out, so that line numbers stay. */
  readonly code: string;
}

export interface FunctionShape {
  readonly name: string;
  readonly line: number;
  readonly lineCount: number;
  readonly parameterCount: number;
}

export const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Every TypeScript file under `packages` and `tests`. */
export function readSourceFiles(): SourceFile[] {
  const found: string[] = [];
  for (const root of ['packages', 'tests']) collect(join(repository, root), found);
  return found.sort().map(readSourceFile);
}

export function isTest(path: string): boolean {
  return (
    path.endsWith('.test.ts') || path.includes('/tests/') || path.startsWith('tests/') || path.includes('/contract/')
  );
}

function collect(folder: string, found: string[]): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) collect(path, found);
    else if (entry.name.endsWith('.ts')) found.push(path);
  }
}

function readSourceFile(absolute: string): SourceFile {
  const text = readFileSync(absolute, 'utf8');
  const parsed = parseSync(absolute, text, { sourceType: 'module' });
  if (parsed.errors.length > 0) throw new Error(`${absolute}: ${parsed.errors[0]?.message}`);
  const lineOf = lineCounter(text);
  const functions: FunctionShape[] = [];
  walk(parsed.program, undefined, (node, parent) => {
    const shape = functionShape(node, parent, lineOf);
    if (shape !== undefined) functions.push(shape);
  });
  const characters = [...parsed.comments].reduce((code, comment) => blank(code, comment.start, comment.end), text);
  return {
    path: relative(repository, absolute),
    text,
    lines: text.split('\n'),
    imports: importsOf(text, characters, absolute),
    functions,
    code: characters,
  };
}

function blank(text: string, start: number, end: number): string {
  return text.slice(0, start) + text.slice(start, end).replace(/[^\n]/g, ' ') + text.slice(end);
}

const IMPORT = /(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+|new URL\(\s*)(['"])([^'"]+)\1/gm;

function importsOf(text: string, code: string, absolute: string): string[] {
  const imports = new Set<string>();
  // String contents are needed, so look in the text, but only where the code still has it (not in a comment).
  for (const match of code.matchAll(IMPORT)) {
    const target = text.slice(match.index, match.index + match[0].length).match(/['"]([^'"]+)['"]/)?.[1];
    if (target === undefined) continue;
    imports.add(
      target.startsWith('.') ? relative(repository, resolve(dirname(absolute), target)) : fromPackage(target),
    );
  }
  return [...imports];
}

/** `@limpet/protocol/pdu` → `packages/protocol/src/pdu.ts`; other packages as they are. */
function fromPackage(target: string): string {
  const own = /^@limpet\/([a-z]+)(?:\/(.+))?$/.exec(target);
  return own === null ? target : `packages/${own[1]}/src/${own[2] ?? 'index'}.ts`;
}

interface Node {
  type: string;
  start: number;
  end: number;
  [key: string]: unknown;
}

function walk(node: unknown, parent: Node | undefined, visit: (node: Node, parent: Node | undefined) => void): void {
  if (Array.isArray(node)) {
    for (const child of node) walk(child, parent, visit);
  } else if (typeof node === 'object' && node !== null && typeof (node as Node).type === 'string') {
    visit(node as Node, parent);
    for (const [key, child] of Object.entries(node)) if (key !== 'type') walk(child, node as Node, visit);
  }
}

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

function functionShape(
  node: Node,
  parent: Node | undefined,
  lineOf: (offset: number) => number,
): FunctionShape | undefined {
  if (!FUNCTIONS.has(node.type)) return undefined;
  const named = (node.id ?? parent?.key ?? parent?.id) as { name?: string } | undefined;
  const parameters = node.params as unknown[] | { items?: unknown[] };
  const line = lineOf(node.start);
  return {
    name: named?.name ?? '(anonymous)',
    line,
    lineCount: lineOf(node.end) - line + 1,
    parameterCount: Array.isArray(parameters) ? parameters.length : (parameters.items?.length ?? 0),
  };
}

function lineCounter(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}
