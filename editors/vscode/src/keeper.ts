/** Keeps one source: opens it when it is first needed, closes it when settings change, and tries again after a failure. */
import type { Source } from './sources/source.js';

export type KeeperState =
  | { readonly kind: 'closed' }
  | { readonly kind: 'opening' }
  | { readonly kind: 'open'; readonly source: Source }
  | { readonly kind: 'failed'; readonly message: string };

/** So long a failure holds, or every key would try anew. */
const RETRY_MS = 5000;

export class Keeper {
  state: KeeperState = { kind: 'closed' };
  private readonly open: () => Promise<Source>;
  private readonly onState: (state: KeeperState) => void;
  private opening: Promise<Source | null> | null = null;
  private failedAt = Number.NEGATIVE_INFINITY;

  constructor(open: () => Promise<Source>, onState: (state: KeeperState) => void) {
    this.open = open;
    this.onState = onState;
  }

  /** The source, or null where it cannot be opened now: `state` says why. */
  async source(): Promise<Source | null> {
    if (this.opening !== null) return this.opening;
    if (this.state.kind === 'failed' && performance.now() - this.failedAt < RETRY_MS) return null;
    this.set({ kind: 'opening' });
    const opening: Promise<Source | null> = this.open().then(
      async (source) => {
        if (this.opening !== opening) {
          await source.close();
          return null;
        }
        this.set({ kind: 'open', source });
        return source;
      },
      (error: unknown) => {
        if (this.opening === opening) this.fail(error);
        return null;
      },
    );
    this.opening = opening;
    return opening;
  }

  /** Closes what failed; it is opened again at a later use. */
  fail(error: unknown): void {
    void this.close();
    this.failedAt = performance.now();
    this.set({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  }

  async close(): Promise<void> {
    const { state } = this;
    this.opening = null;
    this.failedAt = Number.NEGATIVE_INFINITY;
    this.set({ kind: 'closed' });
    if (state.kind === 'open') await state.source.close();
  }

  private set(state: KeeperState): void {
    this.state = state;
    this.onState(state);
  }
}
