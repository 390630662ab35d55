import { describe, expect, test } from 'vitest';
import { BANNED_FILE_NAMES, BANS } from './tidy/bans.ts';
import { isDriver, layerOf, SERVICE_RANKS, serviceOf } from './tidy/layers.ts';
import { isTest, readSourceFiles, type SourceFile } from './tidy/source-files.ts';

/** Longest line, in characters; long texts (SQL, sentences) may not go over either. */
const MAX_LINE = 120;
const MAX_FILE_LINES = 500;
const MAX_FUNCTION_LINES = 70;
const MAX_PARAMETERS = 4;

/** Started by something other than an import. */
const ENTRIES = [
  /^packages\/server\/src\/main\.ts$/,
  /^packages\/bench\/src\/main\.ts$/,
  /^packages\/[a-z]+\/src\/index\.ts$/,
];

/** Libraries for others too: there a file counts as used when a test beside it uses it. */
const LIBRARIES = /^packages\/(sticky|protocol)\//;

const files = readSourceFiles();
const sources = files.filter((file) => !isTest(file.path));
const byPath = new Map(files.map((file) => [file.path, file]));
const filesByWord = indexWords();

describe('the house stays tidy', () => {
  test('a file imports only what stands below it', () => {
    expect(sources.flatMap(wrongImports)).toEqual([]);
  });

  test('a service imports only services of a lower rank', () => {
    expect(sources.flatMap(wrongServiceImports)).toEqual([]);
  });

  test('no imports go in a circle', () => {
    expect(findCircle(sources)).toEqual([]);
  });

  test('what is banned stands only where it is allowed', () => {
    expect(sources.flatMap(bannedCode)).toEqual([]);
  });

  test('names of files say something', () => {
    expect(files.filter((file) => BANNED_FILE_NAMES.test(file.path)).map((file) => file.path)).toEqual([]);
  });

  test('lines, functions, files and parameter lists stay small', () => {
    expect(files.flatMap(tooLarge)).toEqual([]);
  });

  test('no file is dead', () => {
    const used = new Set(sources.flatMap((file) => file.imports));
    const isTested = (path: string) => LIBRARIES.test(path) && byPath.has(path.replace(/\.ts$/, '.test.ts'));
    const isEntry = (path: string) => ENTRIES.some((entry) => entry.test(path));
    const dead = sources
      .map((file) => file.path)
      .filter((path) => !used.has(path) && !isEntry(path) && !isTested(path));
    expect(dead).toEqual([]);
  });

  test('no export is dead', () => {
    expect(sources.flatMap(deadExports)).toEqual([]);
  });
});

function wrongImports(file: SourceFile): string[] {
  const layer = layerOf(file.path);
  if (layer === undefined) return [`${file.path} belongs to no layer: add it to tests/tidy/layers.ts`];
  return file.imports
    .filter((target) => byPath.has(target))
    .filter((target) => {
      const targetLayer = layerOf(target);
      if (targetLayer === layer) return false;
      if (isDriver(target) && layer.name !== 'composition' && layer.name !== 'storage drivers') return true;
      return !layer.sees.some((prefix) => target.startsWith(prefix));
    })
    .map((target) => `${file.path} (${layer.name}) must not import ${target}`);
}

function wrongServiceImports(file: SourceFile): string[] {
  const own = serviceOf(file.path);
  if (own === undefined) return [];
  const ownRank = SERVICE_RANKS[own];
  if (ownRank === undefined) return [`${file.path}: give the service "${own}" a rank in tests/tidy/layers.ts`];
  return file.imports
    .filter((target) => {
      const other = serviceOf(target);
      return other !== undefined && other !== own && (SERVICE_RANKS[other] ?? 0) >= ownRank;
    })
    .map((target) => `${file.path} (rank ${ownRank}) must not import ${target}`);
}

/** The first circle found, as the list of its files; imports of types count too. */
function findCircle(all: readonly SourceFile[]): string[] {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): string[] => {
    const at = path.indexOf(name);
    if (at >= 0) return [...path.slice(at), name];
    const file = byPath.get(name);
    if (file === undefined || done.has(name)) return [];
    path.push(name);
    for (const target of file.imports) {
      const circle = visit(target);
      if (circle.length > 0) return circle;
    }
    path.pop();
    done.add(name);
    return [];
  };
  for (const file of all) {
    const circle = visit(file.path);
    if (circle.length > 0) return circle;
  }
  return [];
}

function bannedCode(file: SourceFile): string[] {
  return BANS.filter((ban) => !ban.allowed.some((prefix) => file.path.startsWith(prefix))).flatMap((ban) => {
    const at = file.code.search(ban.pattern);
    if (at < 0) return [];
    return [`${file.path}:${file.code.slice(0, at).split('\n').length}: ${ban.name}; use ${ban.use}`];
  });
}

const EXPORT = /^export (?:async )?(?:const|function\*?|class) (\w+)/gm;

/** By word of the code: the files that have it. */
function indexWords(): ReadonlyMap<string, readonly string[]> {
  const index = new Map<string, string[]>();
  for (const { path, code } of files) {
    for (const word of new Set(code.match(/\w+/g))) index.set(word, [...(index.get(word) ?? []), path]);
  }
  return index;
}

/** What a file exports and no other one, tests included, has a word of. Types go along with what has them. */
function deadExports(file: SourceFile): string[] {
  return [...file.code.matchAll(EXPORT)]
    .map(([, name = '']) => name)
    .filter((name) => !(filesByWord.get(name) ?? []).some((path) => path !== file.path))
    .map((name) => `${file.path}: nobody else uses ${name}`);
}

function tooLarge(file: SourceFile): string[] {
  const found: string[] = [];
  if (file.lines.length > MAX_FILE_LINES + 1) found.push(`${file.path}: ${file.lines.length} lines`);
  file.lines.forEach((line, index) => {
    if (line.length > MAX_LINE) found.push(`${file.path}:${index + 1}: ${line.length} characters`);
  });
  // The body of a `describe` is a function too; a test file is read story by story.
  for (const shape of isTest(file.path) ? [] : file.functions) {
    if (shape.lineCount > MAX_FUNCTION_LINES)
      found.push(`${file.path}:${shape.line}: ${shape.name} has ${shape.lineCount} lines`);
    if (shape.parameterCount > MAX_PARAMETERS)
      found.push(`${file.path}:${shape.line}: ${shape.name} has ${shape.parameterCount} parameters`);
  }
  return found;
}
