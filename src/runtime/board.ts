/** The engine's side of the board (leader.ts): tokens as they come, progress, cancellation. */
import { BOARD_CANCEL, BOARD_COUNT, BOARD_DONE, BOARD_IDS, BOARD_PREFILLED, BOARD_TURN } from './leader.js';

/** How often a board is looked at where the engine has no `Atomics.waitAsync`. */
const pollMs = 1;
/** Bounds how late anything unforeseen is noticed. */
const longestWaitMs = 1000;

export class Board {
  readonly words: Int32Array;

  /** @param tokens the most tokens of one job */
  constructor(tokens: number) {
    this.words = new Int32Array(new SharedArrayBuffer(4 * (BOARD_IDS + tokens)));
  }

  /** Before a job. */
  reset(): void {
    for (const word of [BOARD_CANCEL, BOARD_PREFILLED, BOARD_COUNT, BOARD_DONE]) this.words[word] = 0;
  }

  get turn(): number {
    return Atomics.load(this.words, BOARD_TURN);
  }

  get isDone(): boolean {
    return Atomics.load(this.words, BOARD_DONE) !== 0;
  }

  get prefilled(): number {
    return Atomics.load(this.words, BOARD_PREFILLED);
  }

  /** Tokens generated since the first `seen`. */
  idsFrom(seen: number): number[] {
    return Array.from(
      this.words.subarray(BOARD_IDS + seen, BOARD_IDS + Atomics.load(this.words, BOARD_COUNT)),
    );
  }

  cancel(): void {
    Atomics.store(this.words, BOARD_CANCEL, 1);
  }

  /** Ends the wait of whoever follows the board: the job will not end by itself. */
  giveUp(): void {
    Atomics.store(this.words, BOARD_DONE, 1);
    Atomics.add(this.words, BOARD_TURN, 1);
    Atomics.notify(this.words, BOARD_TURN);
  }

  /** Resolves when the board has turned since `turn`. */
  async turned(turn: number): Promise<void> {
    if (typeof Atomics.waitAsync === 'function') {
      const wait = Atomics.waitAsync(this.words, BOARD_TURN, turn, longestWaitMs);
      if (wait.async) await wait.value;
      return;
    }
    while (this.turn === turn) await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
