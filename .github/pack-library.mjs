/**
 * The library as a package of its own: what its entries reach, the embedded model, and nothing of command line, server
 * and page. `node .github/pack-library.mjs FOLDER` (after a build) writes the package there, to be packed or installed.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const [out] = process.argv.slice(2);
if (out === undefined) throw new Error('usage: node .github/pack-library.mjs FOLDER');

const { dependencies, exports, version, ...facts } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);
/** Of the package's exports, those that need no server. */
const entries = Object.fromEntries(
  ['.', './ai-sdk', './browser', './chat', './fabric', './planner'].map((name) => [name, exports[name]]),
);

const reached = new Set();
const packages = new Set();
const queue = Object.values(entries).flatMap(({ browser, default: main }) => [browser, main].filter(Boolean));
const reference = /(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"\n]+)['"]|new URL\(\s*['"`](\.[^'"`$\n]+)['"`]/g;
for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
  const file = relative(root, resolve(root, path));
  if (reached.has(file) || !existsSync(join(root, file)) || statSync(join(root, file)).isDirectory())
    continue;
  reached.add(file);
  if (!file.endsWith('.js')) continue;
  const types = file.replace(/\.js$/, '.d.ts');
  for (const one of [file, types]) {
    if (!existsSync(join(root, one))) continue;
    reached.add(one);
    // Examples in comments are none of the program.
    const text = readFileSync(join(root, one), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
    for (const [, imported, url] of text.matchAll(reference)) {
      const name = imported ?? url;
      if (name.startsWith('.')) queue.push(join(dirname(file), name));
      else if (!name.startsWith('node:') && !name.startsWith('#'))
        packages.add(name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
    }
  }
}
for (const wanted of ['dist/kernels', 'models/glint', 'models/cards']) queue.push(wanted);

rmSync(out, { recursive: true, force: true });
const copy = (path) => {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  cpSync(join(root, path), join(out, path));
};
for (const path of reached) copy(path);
for (const name of ['simd', 'relaxed', 'u8s8', 's8s8', 'probe', 'unshared']) {
  const path = `dist/kernels/kernels-${name}.wasm`;
  if (existsSync(join(root, path))) copy(path);
}
for (const folder of ['models/cards', 'types'])
  cpSync(join(root, folder), join(out, folder), { recursive: true });
for (const path of ['models/glint/glint-q8_0.gguf', 'models/glint/README.md', 'LICENSE', 'README.md'])
  if (existsSync(join(root, path))) copy(path);

const needed = Object.fromEntries(Object.entries(dependencies).filter(([name]) => packages.has(name)));
const { description, license, keywords, type, engines, imports } = facts;
writeFileSync(
  join(out, 'package.json'),
  `${JSON.stringify({ name: '@waferflow/library', version, description: `${description}: the library alone`, license, keywords, type, engines, exports: { ...entries, './package.json': './package.json' }, imports, dependencies: needed }, null, 2)}\n`,
);
console.log(`${out}: ${reached.size} files, dependencies: ${Object.keys(needed).join(', ')}`);
console.log(`optional or types only: ${[...packages].filter((name) => !(name in needed)).join(', ')}`);
