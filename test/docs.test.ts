/** What the documents say that can be tried: links, paths, scripts, commands with their flags, programs, dependencies. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';

const TOP = ['README', 'ARCHITECTURE', 'CHANGELOG', 'CONTRIBUTING', 'SECURITY'].map((name) => `${name}.md`);
const BESIDE = [
  'bench/LOG.md',
  'bench/peers/README.md',
  'editors/vscode/README.md',
  'models/glint/README.md',
  'test/README.md',
];
const DOCS = readdirSync('docs', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => join('docs', name));
const PAGES = [...TOP, ...BESIDE, ...DOCS];
const textOf = (page: string): string => readFileSync(page, 'utf8');
/** The log and the changes tell of what was; the rest says what is. */
const PRESENT = PAGES.filter((page) => page !== 'bench/LOG.md' && page !== 'CHANGELOG.md');

/** Ids of headings, as GitHub makes them. */
function anchorsOf(page: string): Set<string> {
  const headings = textOf(page).matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, words = '']) =>
      words
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

it.each(PAGES)('%s links to nothing that is not there', (page) => {
  for (const [link, path = '', anchor] of textOf(page).matchAll(/\]\(([^):#\s]*)(?:#([\w-]+))?\)/g)) {
    const target = path === '' ? page : normalize(join(dirname(page), path));
    expect(existsSync(target), link).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(target), link).toContain(anchor);
  }
});

it.each(PRESENT)('%s names no file that is not there', (page) => {
  const paths = textOf(page).matchAll(
    /`((?:src|test|bench|kernels|models|examples|docs|editors|site)\/[\w./-]*[\w/])`/g,
  );
  const missing = [...paths].map(([, path = '']) => path).filter((path) => !exists(path));
  expect(missing).toEqual([]);
});

/** Made by a run that fails, and kept on a branch of its own. */
const ELSEWHERE: ReadonlySet<string> = new Set(['test/fuzz/cases/', 'models/glint/recipe/last.bf16.pt.xz']);

/** `src/core/units` may stand for a file with an ending, and words in capitals for names. */
function exists(path: string): boolean {
  if (ELSEWHERE.has(path) || /[A-Z]{4,}/.test(path.replace(/README|LOG/, ''))) return true;
  return existsSync(path) || existsSync(`${path}.ts`);
}

function scriptsOf(folder: string): string[] {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return [];
  const { scripts } = JSON.parse(readFileSync(path, 'utf8')) as { scripts: Record<string, string> };
  return Object.keys(scripts);
}

it.each(PRESENT)('%s names only scripts that npm knows', (page) => {
  for (const [line, script = '', prefix] of textOf(page).matchAll(
    /npm run ([\w:-]+)(?:.*--prefix (\S+))?/g,
  )) {
    const folders = prefix === undefined ? ['.', dirname(page)] : [prefix];
    expect(folders.flatMap(scriptsOf), line).toContain(script);
  }
});

describe('commands', () => {
  const helps = new Map<string, Promise<string>>();
  const help = (words: readonly string[]): Promise<string> => {
    const key = words.join(' ');
    const known =
      helps.get(key) ??
      promisify(execFile)(process.execPath, ['dist/src/cli/main.js', ...words, '--help']).then(
        ({ stdout }) => stdout,
      );
    helps.set(key, known);
    return known;
  };

  it.each(PRESENT)('%s shows commands with flags that they have', async (page) => {
    for (const [line, words = ''] of textOf(page).matchAll(
      /^(?: {4}|\$ )(?:npx )?waferflow ([a-z][^\n]*)$/gm,
    )) {
      const [command = '', second = ''] = words.split(' ');
      const isNested =
        (command === 'bench' && second === 'serve') || command === 'template' || command === 'models';
      const shown = await help(isNested ? [command, second] : [command]);
      expect(shown, line).toContain(`waferflow ${command}`);
      for (const [flag] of words.replace(/"[^"]*"/g, '').matchAll(/(?<= )--[a-z-]+/g))
        expect(shown, line).toContain(flag);
    }
  });
});

describe('programs', () => {
  const blocks = [...TOP, ...DOCS].flatMap((page) =>
    [...textOf(page).matchAll(/^```([jt]s)( sketch)?\n(.*?)^```/gms)].map(
      ([, language = '', mark, code = '']) => ({ page, language, code, isSketch: mark !== undefined }),
    ),
  );
  const runnable = blocks.filter(({ isSketch }) => !isSketch);

  it('there are some, and what is not whole says so', () => {
    expect(runnable.length).toBeGreaterThan(1);
    for (const { page, code } of runnable) expect(code, page).toContain('import ');
  });

  it.each(runnable)('of $page', async ({ code }) => {
    // Inside the package, so that it finds it under its own name. None has types that JavaScript lacks.
    const path = join('dist', `docs-${process.pid}-${runnable.findIndex((one) => one.code === code)}.mjs`);
    writeFileSync(path, code);
    onTestFinished(() => rmSync(path));
    await promisify(execFile)(process.execPath, [path]);
  });
});

it('ARCHITECTURE.md gives a reason for every dependency that an install brings, and for no other', () => {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  const [, section = ''] = textOf('ARCHITECTURE.md').split('## Runtime dependencies');
  const cells = [...section.matchAll(/^\| (`[^|]*?) +\|/gm)].map(([, cell = '']) => cell);
  const named = new Set(
    cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)),
  );
  const wanted = { ...dependencies, ...peerDependencies };
  for (const name of named) expect(Object.keys(wanted), name).toContain(name);
  // "its wasm file" is the one of quickjs.
  const missing = Object.keys(wanted).filter((name) => !named.has(name) && !name.startsWith('@jitl/quickjs'));
  expect(missing).toEqual([]);
});

it('the folders that ARCHITECTURE.md lists are there, and no other in src', () => {
  const [table = ''] = textOf('ARCHITECTURE.md').split('## Folders')[1]?.split('\n\nImports') ?? [];
  const named = [
    ...table.matchAll(/`((?:src|kernels|models|bench|test|examples|editors|site)\/[\w/]*)`/g),
  ].map(([, path = '']) => path);
  for (const path of named) expect(statSync(path).isDirectory(), path).toBe(true);
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => `src/${name}/`).filter((path) => !named.includes(path))).toEqual([]);
});
