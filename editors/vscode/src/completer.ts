/** Suggestions at the speed of typing: waits for a pause, drops what was overtaken, and goes on with what it has said. */
import { cut, finish, isClosed, shapeOf } from './shape.js';
import type { Facts, FillIn, Gap, Piece } from './sources/source.js';
import { type WindowSize, windowOf } from './window.js';

export interface CompleterOptions extends WindowSize {
  readonly debounceMs: number;
  readonly maxLines: number;
  readonly maxTokens: number;
  /** Whether the model sees what follows the cursor: where something follows on its line, or always. */
  readonly fillIn: 'line' | 'always';
}

export interface Suggestion {
  readonly text: string;
  /** From asking the model to its last token that counts; null where an earlier suggestion went on. */
  readonly ms: number | null;
  readonly facts: Facts | null;
}

export type Ask = (request: FillIn, signal: AbortSignal) => AsyncIterable<Piece>;

const KEPT = 32;

interface Kept extends Gap {
  readonly text: string;
}

export class Completer {
  private readonly ask: Ask;
  private readonly kept: Kept[] = [];

  constructor(ask: Ask) {
    this.ask = ask;
  }

  /** Null where the signal aborts or the model has nothing to say. Throws what the source throws. */
  async suggest(gap: Gap, options: CompleterOptions, signal: AbortSignal): Promise<Suggestion | null> {
    const known = this.continued(gap);
    if (known !== null) return known === '' ? null : { text: known, ms: null, facts: null };
    await pause(options.debounceMs, signal);
    if (signal.aborted) return null;
    const started = performance.now();
    const { text, facts, ms } = await this.generate(gap, options, signal, started);
    if (signal.aborted) return null;
    this.kept.unshift({ ...gap, text });
    this.kept.length = Math.min(this.kept.length, KEPT);
    return { text, ms, facts };
  }

  private async generate(
    gap: Gap,
    options: CompleterOptions,
    signal: AbortSignal,
    started: number,
  ): Promise<{ text: string; facts: Facts | null; ms: number }> {
    const shape = shapeOf(gap, options.maxLines);
    const enough = new AbortController();
    const stop = shape.maxLines === 1 ? ['\n'] : ['\n\n\n'];
    const { prefix, suffix } = windowOf(gap, options);
    const isGap = options.fillIn === 'always' || !isClosed(shape);
    // Models know a space as the beginning of the word behind it.
    const space = prefix.endsWith(' ') ? ' ' : '';
    const request = {
      prefix: prefix.slice(0, prefix.length - space.length),
      suffix: isGap ? suffix : null,
      maxTokens: options.maxTokens,
      stop,
    };
    let raw = '';
    let said = { text: '', isWhole: false };
    let facts: Facts | null = null;
    let ms: number | null = null;
    for await (const piece of this.ask(request, AbortSignal.any([signal, enough.signal]))) {
      if (piece.kind === 'facts') facts = piece.facts;
      else if (!said.isWhole) {
        raw += piece.text;
        said = cut(raw.startsWith(space) ? raw.slice(space.length) : raw, shape);
        if (!said.isWhole) continue;
        ms = performance.now() - started;
        enough.abort();
      }
    }
    return { text: finish(said.text, shape), facts, ms: ms ?? performance.now() - started };
  }

  /** The rest of an earlier suggestion that was typed on along; null where there is none. */
  private continued({ prefix, suffix }: Gap): string | null {
    for (const kept of this.kept) {
      if (kept.suffix !== suffix || !prefix.startsWith(kept.prefix)) continue;
      const typed = prefix.slice(kept.prefix.length);
      if (typed === '' || (kept.text.startsWith(typed) && kept.text.length > typed.length))
        return kept.text.slice(typed.length);
    }
    return null;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
