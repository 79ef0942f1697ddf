import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** What compression makes smaller by much; fonts and models are dense already. */
const COMPRESSIBLE = /\.(html|js|css|svg|json|wasm)$/;

/** Puts a `.gz` and a `.br` beside each large text file, for servers that send them (ours does). */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    writeBundle({ dir = '' }) {
      for (const file of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        if (!COMPRESSIBLE.test(file)) continue;
        const path = join(dir, file);
        const bytes = readFileSync(path);
        if (bytes.length < 1024) continue;
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        writeFileSync(`${path}.br`, brotliCompressSync(bytes));
      }
    },
  };
}

/** The page: static files with relative addresses, so that any folder of any server will do. */
export default defineConfig({
  root: 'src/web',
  base: './',
  publicDir: 'public',
  cacheDir: '../../dist/.vite',
  worker: { format: 'es' },
  plugins: [compressed()],
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    // What WebAssembly with relaxed SIMD and CSS light-dark() need anyway.
    target: ['chrome123', 'firefox121', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The charts are one large chunk that only the planner loads.
    chunkSizeWarningLimit: 800,
  },
});
