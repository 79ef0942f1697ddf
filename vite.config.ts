import { defineConfig } from 'vite';

/** The page: static files with relative addresses, so that any folder of any server will do. */
export default defineConfig({
  root: 'src/web',
  base: './',
  publicDir: 'public',
  cacheDir: '../../dist/.vite',
  worker: { format: 'es' },
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
