/**
 * Compiles the AssemblyScript kernels to dist/kernels/kernels-{simd,relaxed,unshared}.wasm, when a source is newer.
 * The first two import a shared memory, and `relaxed` may use relaxed SIMD; `unshared` is for pages whose threads cannot
 * share memory, so for one worker.
 */
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'dist', 'kernels');
const variants = {
  simd: { features: 'simd,threads', isShared: true },
  relaxed: { features: 'simd,threads,relaxed-simd', isShared: true },
  unshared: { features: 'simd,threads', isShared: false },
};

const sources = readdirSync(join(root, 'kernels'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
  .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs);
const newest = Math.max(...sources);
const isFresh = (file) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > newest;

mkdirSync(out, { recursive: true });
for (const [name, { features, isShared }] of Object.entries(variants)) {
  const file = join(out, `kernels-${name}.wasm`);
  if (isFresh(file)) continue;
  const { error, stderr } = await asc.main(
    [
      'kernels/wasm.ts',
      ...['--outFile', `dist/kernels/kernels-${name}.wasm`],
      ...['--enable', features],
      ...['--runtime', 'stub', '--importMemory', ...(isShared ? ['--sharedMemory'] : [])],
      ...['--initialMemory', '1', '--maximumMemory', '65536'],
      ...['-O3', '--noAssert', '--converge'],
      // The kernels keep no data of their own below this address: memory belongs to the runtime.
      ...['--memoryBase', '1024'],
    ],
    { baseDir: root, writeFile: (path, data) => writeFileSync(join(root, path), data) },
  );
  if (error) {
    process.stderr.write(`${stderr.toString()}\nkernels-${name}: ${error.message}\n`);
    process.exit(1);
  }
}
