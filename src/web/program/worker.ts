/** The thread of a sandbox: it imports a program, runs it and says how it went. It comes to the sandbox as text. */

import { messageOf } from '../../core/errors.js';
import * as fabric from '../../fabric/index.js';
import { importable, lineOf, runProgram, type Verdict } from './run-program.js';
import type { TaskName } from './task.js';

export interface ProgramQuestion {
  readonly code: string;
  readonly task: TaskName | null;
}

const SCOPE = 'globalThis.waferflowFabric';
Object.assign(globalThis, { waferflowFabric: fabric });

async function verdictOf({ code, task }: ProgramQuestion): Promise<Verdict> {
  const address = URL.createObjectURL(new Blob([importable(code, SCOPE)], { type: 'text/javascript' }));
  try {
    const module = (await import(/* @vite-ignore */ address)) as { readonly default?: unknown };
    return runProgram(module.default, task, { code, address });
  } catch (error) {
    return { problem: messageOf(error), line: lineOf(error, { code, address }) };
  }
}

addEventListener('message', ({ data }: MessageEvent<ProgramQuestion>) => {
  void verdictOf(data).then((verdict) => postMessage(verdict));
});
