/** One race: loads the model, lets it write, and keeps the clock that all lanes share. */
import { signal } from '@preact/signals';
import { messageOf } from '../../core/errors.js';
import { reducedMotion } from '../theme.js';
import { finishMs, type Lane, Transcript } from './lanes.js';
import type { Writer, Writing, Written } from './writer.js';

export type RaceState =
  | { readonly kind: 'ready' }
  | { readonly kind: 'loading' }
  /** `end` is null while the model still writes. */
  | { readonly kind: 'running'; readonly elapsedMs: number; readonly end: Written | null }
  | { readonly kind: 'finished'; readonly elapsedMs: number; readonly end: Written }
  | { readonly kind: 'failed'; readonly problem: string };

/** Someone who asked for less motion gets the lanes' state twice a second. */
const calmMs = 500;

export class Race {
  readonly state = signal<RaceState>({ kind: 'ready' });
  /** What is written here, of which the lanes show their part. */
  transcript = new Transcript();
  private writing: Writing | null = null;
  private frame = 0;
  private number = 0;

  async start(writer: Writer, prompt: string, maxTokens: number, lanes: readonly Lane[]): Promise<void> {
    this.stop();
    const number = ++this.number;
    const isOver = (): boolean => this.number !== number;
    this.state.value = { kind: 'loading' };
    try {
      await writer.prepare();
      if (isOver()) return;
      const transcript = new Transcript();
      this.transcript = transcript;
      const startMs = performance.now();
      let end: Written | null = null;
      this.state.value = { kind: 'running', elapsedMs: 0, end };
      let shownMs = 0;
      const tick = (): void => {
        if (isOver()) return;
        const elapsedMs = performance.now() - startMs;
        if (end !== null && lanes.every((lane) => finishMs(lane, transcript.tokens) <= elapsedMs)) {
          this.state.value = { kind: 'finished', elapsedMs, end };
          return;
        }
        if (!reducedMotion.value || elapsedMs - shownMs >= calmMs) {
          shownMs = elapsedMs;
          this.state.value = { kind: 'running', elapsedMs, end };
        }
        this.frame = requestAnimationFrame(tick);
      };
      this.frame = requestAnimationFrame(tick);
      const writing = writer.write(prompt, maxTokens, (text, tokens) => transcript.push(text, tokens));
      this.writing = writing;
      end = await writing.end;
    } catch (error) {
      if (isOver()) return;
      cancelAnimationFrame(this.frame);
      this.number++;
      this.state.value = { kind: 'failed', problem: messageOf(error) };
    }
  }

  /** Ends what runs and shows nothing any more. */
  stop(): void {
    this.number++;
    cancelAnimationFrame(this.frame);
    this.writing?.cancel();
    this.writing = null;
    this.transcript = new Transcript();
    this.state.value = { kind: 'ready' };
  }
}
