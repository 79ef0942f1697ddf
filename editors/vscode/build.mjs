/**
 * Builds the extension into dist/: its own code and the chat's page in a file each, and waferflow's library beside them,
 * in the layout by which it finds its workers, kernels and model. Build the repository first.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../../', import.meta.url));
const engine = 'dist/engine';
const node = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
  legalComments: 'none',
  metafile: true,
};

rmSync('dist', { recursive: true, force: true });
const extension = await build({
  ...node,
  entryPoints: ['src/extension.ts'],
  outfile: 'dist/extension.cjs',
  format: 'cjs',
  external: ['vscode'],
  minify: true,
});
await build({
  entryPoints: ['src/view/chat.ts'],
  outfile: 'dist/view.js',
  bundle: true,
  format: 'iife',
  target: 'es2022',
  minify: true,
});

// Every file of it that looks for others lies in src/platform/node.
const place = `${engine}/dist/src/platform/node`;
const library = await build({
  ...node,
  entryPoints: {
    engine: `${root}dist/src/index.js`,
    'worker-entry': `${root}dist/src/platform/node/worker-entry.js`,
    'grammar-entry': `${root}dist/src/platform/node/grammar-entry.js`,
  },
  outdir: place,
  format: 'esm',
  minify: true,
});
mkdirSync(`${engine}/dist/kernels`, { recursive: true });
for (const name of readdirSync(`${root}dist/kernels`))
  if (/^kernels-.*\.wasm$/.test(name) && !/emulated|unshared/.test(name))
    cpSync(`${root}dist/kernels/${name}`, `${engine}/dist/kernels/${name}`);
cpSync(`${root}models/glint/glint-q8_0.gguf`, `${engine}/models/glint/glint-q8_0.gguf`);
writeFileSync(`${engine}/package.json`, '{ "type": "module" }\n');
cpSync(`${root}LICENSE`, 'LICENSE');

/** Names and licences of the packages whose code is in the files. */
const packages = new Set();
for (const input of [extension, library].flatMap(({ metafile }) => Object.keys(metafile.inputs))) {
  const [, folder] =
    /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(resolve(input).replaceAll('\\', '/')) ?? [];
  if (folder !== undefined) packages.add(folder);
}
const notices = [...packages]
  .toSorted((a, b) => a.localeCompare(b))
  .map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    return `${name} ${version}, ${license}\n\n${file === undefined ? '' : readFileSync(`${folder}/${file}`, 'utf8')}`;
  });
writeFileSync('dist/THIRD-PARTY.txt', notices.join('\n\n---\n\n'));
