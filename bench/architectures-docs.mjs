/**
 * Fills the table of docs/architectures.md, and the number of README.md: every file of models/architectures with the names it answers to, its lines and
 * what its first sentence says. Run from the repository root after `npm run build`:  node bench/architectures-docs.mjs
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const folder = 'models/architectures';
const files = readdirSync(folder).filter((name) => name.endsWith('.ts') && name !== 'index.ts');
const rows = [];
for (const file of files) {
  const source = readFileSync(`${folder}/${file}`, 'utf8');
  const sentence =
    /^\/\*\*\s*(.*?)\s*\*\//s
      .exec(source)?.[1]
      .replace(/\s*\n\s*\*\s*/g, ' ')
      .replace(/^\* /, '') ?? '';
  const exported = await import(
    pathToFileURL(`${process.cwd()}/dist/${folder}/${file.replace('.ts', '.js')}`)
  );
  const names = Object.values(exported)
    .flat()
    .filter((value) => value?.names)
    .flatMap(({ names }) => names);
  rows.push({ file, names, lines: source.split('\n').length - 1, sentence });
}
const byLines = rows.map(({ lines }) => lines).sort((a, b) => a - b);
const count = rows.reduce((sum, { names }) => sum + names.length, 0);
const table = [
  `${count} architectures in ${rows.length} files; median ${byLines[byLines.length >> 1]} lines, the longest ${byLines.at(-1)}.`,
  '',
  '| file | `general.architecture` | lines | |',
  '| --- | --- | ---: | --- |',
  ...rows.map(
    ({ file, names, lines, sentence }) => `| ${file} | ${names.join(', ')} | ${lines} | ${sentence} |`,
  ),
].join('\n');

const path = 'docs/architectures.md';
const page = readFileSync(path, 'utf8');
const [open, close] = ['<!-- architectures -->', '<!-- /architectures -->'];
const from = page.indexOf(open) + open.length;
writeFileSync(path, `${page.slice(0, from)}\n\n${table}\n\n${page.slice(page.indexOf(close))}`);

// The README says how many there are.
const readme = readFileSync('README.md', 'utf8');
writeFileSync('README.md', readme.replace(/\[(many|\d+) architectures\]/, `[${count} architectures]`));
