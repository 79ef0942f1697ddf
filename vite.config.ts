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

/** Says what each view loads at first, compressed: the shell, the view's own scripts and styles; workers and data come later. */
function sized(): Plugin {
  return {
    name: 'sized',
    apply: 'build',
    writeBundle(_, bundle) {
      const compressedSize = (file: string): number => {
        const part = bundle[file];
        if (part === undefined) return 0;
        return gzipSync(part.type === 'chunk' ? part.code : part.source).length;
      };
      const chunks = Object.values(bundle).filter((part) => part.type === 'chunk');
      const loadedBy = (file: string, seen: Set<string>): Set<string> => {
        const part = bundle[file];
        if (part?.type !== 'chunk' || seen.has(file)) return seen;
        seen.add(file);
        for (const style of part.viteMetadata?.importedCss ?? []) seen.add(style);
        for (const other of part.imports) loadedBy(other, seen);
        return seen;
      };
      const shell = chunks.find(({ isEntry }) => isEntry)?.fileName ?? '';
      for (const { facadeModuleId, fileName } of chunks) {
        const view = /src\/web\/(\w+)\/index\.tsx$/.exec(facadeModuleId ?? '')?.[1];
        if (view === undefined) continue;
        const files = loadedBy(fileName, loadedBy(shell, new Set()));
        const bytes = [...files].reduce((sum, file) => sum + compressedSize(file), 0);
        process.stdout.write(`${view}: ${Math.round(bytes / 1000)} kB compressed\n`);
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
  plugins: [compressed(), sized()],
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
