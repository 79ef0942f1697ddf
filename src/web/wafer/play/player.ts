/** The clock of a picture: a moment in cycles that runs forwards or backwards, steps, and can be set. */
import { batch, signal } from '@preact/signals';

/** Speeds in cycles per second, shown to the person. */
export const SPEEDS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
  1_000_000,
] as const;

/** The speed of the list at which `cycles` take about twenty seconds. */
export function easySpeed(cycles: number): number {
  return SPEEDS.find((speed) => cycles / speed <= 20) ?? SPEEDS.at(-1)!;
}

/** The next faster or slower one. */
export function nextSpeed(speed: number, direction: 1 | -1): number {
  if (direction > 0) return SPEEDS.find((each) => each > speed) ?? speed;
  return SPEEDS.findLast((each) => each < speed) ?? speed;
}

export class Player {
  /** In cycles; the fraction says how far the moves of the cycle have gone. */
  readonly time = signal(0);
  readonly length = signal(0);
  /** Where a run forwards stops before the end; null: at the end. */
  until: number | null = null;
  /** Cycles per second. */
  readonly speed = signal(100);
  /** 1 forwards, -1 backwards, 0 still. */
  readonly direction = signal<-1 | 0 | 1>(0);

  get cycle(): number {
    return Math.floor(this.time.value);
  }

  seek(time: number): void {
    this.time.value = Math.min(this.length.peek(), Math.max(0, time));
  }

  /** Stops, and goes to the next or the last whole cycle. */
  step(cycles: number): void {
    batch(() => {
      this.direction.value = 0;
      this.seek(Math.floor(this.time.peek()) + cycles);
    });
  }

  /** Runs; from the end it starts again. */
  play(direction: 1 | -1 = 1): void {
    batch(() => {
      const time = this.time.peek();
      if (direction > 0 && time >= this.length.peek()) this.time.value = 0;
      if (direction < 0 && time <= 0) this.time.value = this.length.peek();
      this.direction.value = direction;
    });
  }

  /** Stops on a whole cycle, so that the picture is one that stepping reaches. */
  pause(): void {
    batch(() => {
      if (this.direction.peek() !== 0) this.seek(Math.floor(this.time.peek()));
      this.direction.value = 0;
    });
  }

  toggle(): void {
    if (this.direction.peek() === 0) this.play();
    else this.pause();
  }

  /** Lets real time pass; stops at either end. */
  advance(ms: number): void {
    const direction = this.direction.peek();
    if (direction === 0) return;
    const end = this.until ?? this.length.peek();
    const next = this.time.peek() + (direction * this.speed.peek() * ms) / 1000;
    batch(() => {
      this.seek(direction > 0 ? Math.min(next, end) : next);
      // Only the end that it runs towards stops it: no time may have passed yet since it set out from the other.
      if (direction > 0 ? next >= end : next <= 0) this.direction.value = 0;
    });
  }
}
