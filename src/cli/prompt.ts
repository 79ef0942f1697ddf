/** Where `run` takes its prompt from: the argument, standard input when it is piped, or the default prompt. */
import { fstatSync } from 'node:fs';
import { decodeUtf8 } from '../core/utf8.js';

/** The beginning of a function that a small model of TypeScript code can complete. */
export const DEFAULT_PROMPT = `import { readFile } from 'node:fs/promises';

/** Reads a file and returns its lines. */
export async function readLines(`;

/** A pipe that stays silent this long was not meant as a prompt, unless the prompt was given as \`-\`. */
const SILENCE_MS = 2000;

/**
 * The prompt text. `-` reads standard input to its end. A pipe or file is read besides: it follows the argument after
 * an empty line, and stands for it where there is none. One that is empty or stays silent is passed over; where there
 * is no argument either, the default prompt is taken, and a notice on stderr says so.
 */
export async function readPrompt(argument: string | undefined): Promise<string> {
  if (argument === '-') return readStdin(null);
  if (!isPiped()) return argument ?? DEFAULT_PROMPT;
  const text = await readStdin(SILENCE_MS);
  if (argument !== undefined) return text === '' ? argument : `${argument}\n\n${text}`;
  if (text !== '') return text;
  console.error('waferflow: standard input is empty, so the default prompt is completed');
  return DEFAULT_PROMPT;
}

function isPiped(): boolean {
  try {
    const stat = fstatSync(0);
    return stat.isFIFO() || stat.isFile() || stat.isSocket();
  } catch {
    return false; // Standard input is closed.
  }
}

/** All of standard input; gives up with '' after `silenceMs` without a first byte. */
async function readStdin(silenceMs: number | null): Promise<string> {
  const { stdin } = process;
  const chunks: Buffer[] = [];
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((done, fail) => {
    // Not every runtime ends a wait for the next piece when the stream is destroyed, nor can let go of it otherwise.
    const giveUp = () => {
      stdin.pause();
      stdin.unref?.();
      stdin.destroy();
      done();
    };
    if (silenceMs !== null) timer = setTimeout(giveUp, silenceMs);
    stdin.on('data', (chunk: Buffer) => {
      clearTimeout(timer);
      chunks.push(chunk);
    });
    stdin.once('end', done);
    stdin.once('error', fail);
  });
  clearTimeout(timer);
  return decodeUtf8(Buffer.concat(chunks), 'standard input');
}
