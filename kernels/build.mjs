/**
 * Compiles the AssemblyScript kernels to dist/kernels/kernels-*.wasm, when a source is newer; after `tsc`, since it asks the
 * compiled descriptions of quantisations. Each build multiplies
 * integers in its own way (quants/variants.ts); all but `unshared` import a shared memory. That one is for pages whose
 * threads cannot share memory, so for one worker.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import asc from 'assemblyscript/asc';
import { AGREEMENT } from '#kernels/agreement.js';
import { QUANTS } from '#kernels/quants/index.js';
import { dispatchSource } from './quants/dispatch.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'dist', 'kernels');
const quants = join(root, 'kernels', 'quants');
const builds = {
  simd: { variant: 'PLAIN' },
  relaxed: { variant: 'RELAXED' },
  u8s8: { variant: 'U8S8' },
  s8s8: { variant: 'S8S8' },
  // For tests on processors that have no such products.
  'u8s8-emulated': { variant: 'U8S8', isEmulated: true },
  's8s8-emulated': { variant: 'S8S8', isEmulated: true },
  probe: { variant: 'RELAXED', entry: 'kernels/probe/wasm.ts' },
};

/** The sources that are written here: which variant this is, and the way from a type's number to its kernels. */
function generated(variant, isEmulated) {
  return {
    'kernels/quants/variant.ts': [
      `import { ${variant} } from './variants';`,
      `export const VARIANT: i32 = ${variant};`,
      `export const IS_EMULATED: bool = ${isEmulated};`,
      `export function agreement(): i32 { return ${AGREEMENT}; }`,
    ].join('\n'),
    'kernels/quants/dispatch.ts': dispatchSource(QUANTS, (folder) =>
      existsSync(join(quants, folder, 'wasm.ts')),
    ),
  };
}

/** The same module for a memory that is not shared: one flag in the import of it. */
function unshared(module) {
  const copy = Buffer.from(module);
  const flag = copy.indexOf('\u0006memory\u0002\u0003') + 8;
  if (flag < 8) throw new Error('the kernels import no shared memory');
  copy[flag] = 1;
  return copy;
}

async function build(name) {
  const { variant, isEmulated = false, entry = 'kernels/wasm.ts' } = builds[name];
  const features = variant === 'PLAIN' ? 'simd,threads' : 'simd,threads,relaxed-simd';
  const sources = generated(variant, isEmulated);
  const { error, stderr } = await asc.main(
    [
      entry,
      ...['--outFile', `dist/kernels/kernels-${name}.wasm`],
      ...['--enable', features],
      ...['--runtime', 'stub', '--importMemory', '--sharedMemory'],
      ...['--initialMemory', '1', '--maximumMemory', '65536'],
      ...(isEmulated ? ['-O1', '--noAssert'] : ['-O3', '--noAssert']),
      // The kernels keep no data of their own below this address: memory belongs to the runtime.
      ...['--memoryBase', '1024'],
    ],
    {
      baseDir: root,
      readFile: (path) => {
        if (path in sources) return sources[path];
        const file = join(root, path);
        return existsSync(file) ? readFileSync(file, 'utf8') : null;
      },
      writeFile(path, data) {
        writeFileSync(join(root, path), data);
        if (name === 'simd') writeFileSync(join(out, 'kernels-unshared.wasm'), unshared(data));
      },
    },
  );
  if (!error) return;
  process.stderr.write(`${stderr.toString()}\nkernels-${name}: ${error.message}\n`);
  process.exit(1);
}

if (isMainThread) {
  const sources = readdirSync(join(root, 'kernels'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/(spec|reference|gpu|codec|grid)\.ts$/.test(entry.name))
    .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs);
  const newest = Math.max(...sources);
  const isFresh = (file) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > newest;
  mkdirSync(out, { recursive: true });
  for (const name of Object.keys(builds)) {
    if (isFresh(join(out, `kernels-${name}.wasm`))) continue;
    new Worker(fileURLToPath(import.meta.url), { workerData: name }).on('exit', (code) => {
      if (code !== 0) process.exitCode = 1;
    });
  }
} else {
  await build(workerData);
}
