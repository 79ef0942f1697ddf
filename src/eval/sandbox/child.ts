/**
 * The process in which code that a model wrote runs: an interpreter in WebAssembly, which has no file, socket, process or
 * clock to reach, in a Node.js that may read its own code and nothing else.
 */
import { transformSync } from '@swc/wasm-typescript';
import {
  DefaultIntrinsics,
  newQuickJSWASMModuleFromVariant,
  type QuickJSContext,
  type QuickJSRuntime,
} from 'quickjs-emscripten-core';
import type { Job, Outcome, Verdict } from './types.js';
import { WORLD } from './world.js';

const memoryBytes = 64 << 20;
const longestMessage = 1_000;
const stackBytes = 256 << 10;
/** Interrupts, each some ten thousand steps after the last: the same limit on a fast machine and on a slow one. */
const interrupts = 5_000;

const quickjs = await newQuickJSWASMModuleFromVariant(import('@jitl/quickjs-ng-wasmfile-release-sync'));

process.on('message', (job: Job) => {
  process.send?.(verdictOf(job));
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');

function verdictOf(job: Job): Verdict {
  let source: string;
  let tests: string;
  try {
    source = toScript(job.source);
    tests = toScript(job.tests ?? '');
  } catch (error) {
    // A reader that ran out of stack or memory is in pieces: what it says of the next program is worth nothing.
    const isBroken = error instanceof RangeError || error instanceof WebAssembly.RuntimeError;
    return { kind: isBroken ? 'limit' : 'syntax', message: messageOf(error) };
  }
  if (job.parseOnly) return { kind: 'done', outcomes: [] };
  const runtime = quickjs.newRuntime();
  runtime.setMemoryLimit(memoryBytes);
  runtime.setMaxStackSize(stackBytes);
  let left = interrupts;
  runtime.setInterruptHandler(() => --left < 0);
  const context = runtime.newContext({ intrinsics: { ...DefaultIntrinsics, Date: false } });
  try {
    for (const code of [WORLD, source, tests]) {
      const outcome = run(runtime, context, code);
      if ('threw' in outcome) return { kind: left < 0 ? 'limit' : 'threw', message: outcome.threw };
    }
    const outcomes = (job.calls ?? []).map((call) => run(runtime, context, `(${call})`));
    return left < 0 ? { kind: 'limit', message: 'too many steps' } : { kind: 'done', outcomes };
  } finally {
    context.dispose();
    runtime.dispose();
  }
}

function run(runtime: QuickJSRuntime, context: QuickJSContext, code: string): Outcome {
  const result = context.evalCode(code, 'candidate.js', { type: 'global' });
  if (result.error) {
    const thrown: unknown = context.dump(result.error);
    result.error.dispose();
    return { threw: messageOf(thrown) };
  }
  const value: unknown = context.dump(result.value);
  // What is dumped of a promise is gone with it.
  if (result.value.alive) result.value.dispose();
  const pending = runtime.executePendingJobs();
  if (pending.error) {
    const thrown: unknown = pending.error.context.dump(pending.error);
    pending.error.dispose();
    return { threw: messageOf(thrown) };
  }
  return { value };
}

/** JavaScript without types; exports are plain declarations, as a script has none. */
function toScript(source: string): string {
  const { code } = transformSync(source, { mode: 'transform' });
  return code.replace(/^export (?:default )?(?=(?:async )?function|const|let|var|class)/gm, '');
}

function messageOf(thrown: unknown): string {
  const message =
    typeof thrown === 'object' && thrown !== null && 'message' in thrown ? thrown.message : thrown;
  return String(message).slice(0, longestMessage);
}
