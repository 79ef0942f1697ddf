/**
 * The loop of whoever changes something: compiles what is saved, TypeScript and kernels, and runs the tests that it
 * touches.   npm run dev [-- TEST FILES]
 */
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';

const run = (...args) => spawn(process.execPath, args, { stdio: 'inherit' });
const bin = (name) => `node_modules/${name}`;

run(bin('typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput');

let waiting = null;
watch('kernels', { recursive: true }, (_, file) => {
  if (!/wasm\.ts$/.test(file ?? '')) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => run('kernels/build.mjs'), 200);
});

const tests = run(bin('vitest/vitest.mjs'), '--watch', ...process.argv.slice(2));
tests.on('exit', (code) => process.exit(code ?? 0));
