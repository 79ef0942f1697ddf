/** The clock that all lanes of a race share. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { reducedMotion } from '../theme.js';

/** Someone who asked for less motion gets the lanes' state twice a second. */
const calmMs = 500;

export class Clock {
  private readonly now = signal<number | null>(null);
  private frame = 0;

  /** Since the start; null before it. */
  readonly elapsedMs: ReadonlySignal<number | null> = this.now;

  /** Runs from 0 to `endMs`, and stands there. */
  start(endMs: number): void {
    cancelAnimationFrame(this.frame);
    const startMs = performance.now();
    let shownMs = 0;
    this.now.value = 0;
    const tick = (): void => {
      const elapsedMs = performance.now() - startMs;
      if (elapsedMs >= endMs) {
        this.now.value = endMs;
        return;
      }
      if (!reducedMotion.value || elapsedMs - shownMs >= calmMs) {
        shownMs = elapsedMs;
        this.now.value = elapsedMs;
      }
      this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    this.now.value = null;
  }
}
