/** Compiles grammars on a thread of their own, one after the other, each within a time. */
import { Worker } from 'node:worker_threads';
import { EngineError } from '../../core/errors.js';
import { type PackedError, unpackError } from '../../runtime/failure.js';
import type { Automaton } from '../../runtime/grammar/automaton.js';
import { grammarError, mostCompileMs } from '../../runtime/grammar/limits.js';
import type { Grammar } from '../../runtime/types.js';

export type GrammarAnswer = { readonly automaton: Automaton } | { readonly failure: PackedError };

/** Grammars that wait for their turn. */
const mostWaiting = 32;
const mostMemoryMb = 512;
/** A thread without work ends after so long. */
const idleMs = 10_000;

let worker: Worker | null = null;
let waiting = 0;
let last: Promise<unknown> = Promise.resolve();
let idle: NodeJS.Timeout | undefined;

/** Rejects with OptionError, also on a grammar that takes too long or too much memory. */
export async function compileGrammar(grammar: Grammar): Promise<Automaton> {
  if (waiting >= mostWaiting) {
    throw new EngineError({
      what: 'compiling a grammar',
      given: `${waiting} others that wait`,
      expected: `fewer than ${mostWaiting}`,
      todo: 'Try again later.',
    });
  }
  waiting++;
  const turn = last.then(() => compileNow(grammar));
  last = turn.catch(() => undefined);
  try {
    return await turn;
  } finally {
    waiting--;
  }
}

function compileNow(grammar: Grammar): Promise<Automaton> {
  clearTimeout(idle);
  worker ??= start();
  const thread = worker;
  thread.ref();
  return new Promise<Automaton>((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      thread.off('message', onMessage);
      thread.off('error', onError);
      thread.unref();
      idle = setTimeout(end, idleMs);
      idle.unref();
    };
    const onMessage = (answer: GrammarAnswer): void => {
      settle();
      if ('automaton' in answer) resolve(answer.automaton);
      else reject(unpackError(answer.failure));
    };
    const lose = (given: string, expected: string): void => {
      settle();
      end();
      reject(grammarError(given, expected, 'Use a smaller grammar.'));
    };
    const onError = ({ message }: Error): void =>
      lose(`one that breaks its compiler (${message})`, 'a smaller one');
    const timer = setTimeout(
      () => lose('one that takes too long to compile', `at most ${mostCompileMs} ms`),
      mostCompileMs,
    );
    thread.on('message', onMessage);
    thread.on('error', onError);
    thread.postMessage(grammar);
  });
}

function start(): Worker {
  const thread = new Worker(new URL('./grammar-entry.js', import.meta.url), {
    name: 'waferflow-grammars',
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: mostMemoryMb },
  });
  // One that runs out of memory while it is being ended has nobody else to tell.
  thread.on('error', () => undefined);
  return thread;
}

function end(): void {
  clearTimeout(idle);
  worker?.terminate().catch(() => undefined);
  worker = null;
}
