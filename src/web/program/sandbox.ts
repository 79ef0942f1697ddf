/**
 * A box for programs that anybody may have written: a frame of an origin of its own, whose policy allows no network,
 * and in it a thread that is ended after some seconds. Nothing of the page can be reached from there.
 */

import type { Verdict } from './run-program.js';
import type { ProgramQuestion } from './worker.js';
// biome-ignore lint/correctness/noUnresolvedImports: the bundler makes the address
import workerUrl from './worker.ts?worker&url';

const MOST_MS = 10_000;

const POLICY = "default-src 'none'; script-src 'unsafe-inline' blob:; worker-src blob:";

/** What the frame does (a classic worker: from an opaque origin browsers start no module workers): one worker from the text that it is given, one answer. */
const FRAME = `<!doctype html><meta http-equiv="Content-Security-Policy" content="${POLICY}"><script>
addEventListener('message', ({ data }) => {
  const address = URL.createObjectURL(new Blob([data.source], { type: 'text/javascript' }));
  const worker = new Worker(address);
  worker.onmessage = ({ data }) => parent.postMessage(data, '*');
  worker.onerror = ({ message }) => parent.postMessage({ problem: String(message), line: null }, '*');
  worker.postMessage(data.question);
}, { once: true });
</script>`;

/** Fetched once: the sandbox itself may not. */
let source: Promise<string> | null = null;

async function workerSource(): Promise<string> {
  const response = await fetch(new URL(workerUrl, location.href));
  if (!response.ok) throw new Error(`the simulator’s script is not there (${response.status})`);
  return await response.text();
}

/** Runs a program in a box of its own. */
export async function runInSandbox(question: ProgramQuestion): Promise<Verdict> {
  source ??= workerSource();
  const text = await source.catch((error: unknown) => {
    source = null;
    throw error;
  });
  const frame = document.createElement('iframe');
  frame.sandbox.add('allow-scripts');
  frame.srcdoc = FRAME;
  frame.hidden = true;
  frame.title = 'sandbox';
  const ended = new AbortController();
  try {
    return await new Promise<Verdict>((resolve) => {
      const late = `The program ran for more than ${MOST_MS / 1000} seconds: is there a loop that never ends?`;
      const timer = setTimeout(() => resolve({ problem: late, line: null }), MOST_MS);
      ended.signal.addEventListener('abort', () => clearTimeout(timer));
      addEventListener(
        'message',
        ({ source: from, data }: MessageEvent<Verdict>) => {
          if (from === frame.contentWindow) resolve(data);
        },
        { signal: ended.signal },
      );
      frame.addEventListener(
        'load',
        () => frame.contentWindow?.postMessage({ source: text, question }, '*'),
        {
          once: true,
        },
      );
      document.body.append(frame);
    });
  } finally {
    ended.abort();
    frame.remove();
  }
}
