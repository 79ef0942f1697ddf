/**
 * Bytes that are held for clients, all together and for each key: bodies, conversations, responses that are kept, and
 * what nobody has read yet. At the end of them new work is refused; what is kept without being in use goes first.
 */
import { unavailable } from '../errors.js';

/** What one request, socket or kept response holds. */
export interface Holding {
  readonly bytes: number;
  /** Holds so many bytes. Throws an ApiError with status 503, and holds what it did, where there is no room for more. */
  resize(bytes: number): void;
  /** Holds so many bytes that are there already: others find less room. */
  set(bytes: number): void;
  /** Safe to call twice. */
  release(): void;
}

export const nothingHeld: Holding = {
  bytes: 0,
  resize: () => undefined,
  set: () => undefined,
  release: () => undefined,
};

/** Forgets something that is kept for an owner, or for anybody; returns false where there is nothing. */
export type Forget = (owner: string | null) => boolean;

export class Memory {
  /** Those who keep what may go, in the order in which they are asked. */
  private readonly keepers: Forget[] = [];
  private readonly most: number;
  private readonly mostOfOne: number;
  private held = 0;
  private readonly ofOwner = new Map<string, number>();

  /** @param parts one owner may have one of so many parts */
  constructor(most: number, parts: number) {
    this.most = most;
    this.mostOfOne = most / parts;
  }

  get heldBytes(): number {
    return this.held;
  }

  /** What is kept by this keeper gives way to what is under way, after that of the keepers before. */
  addKeeper(forget: Forget): void {
    this.keepers.push(forget);
  }

  /** Throws an ApiError with status 503 where there is no room. */
  hold(owner: string, bytes = 0): Holding {
    const memory = this;
    let own = 0;
    const set = (next: number): void => {
      memory.held += next - own;
      const left = (memory.ofOwner.get(owner) ?? 0) + next - own;
      if (left > 0) memory.ofOwner.set(owner, left);
      else memory.ofOwner.delete(owner);
      own = next;
    };
    const holding: Holding = {
      get bytes() {
        return own;
      },
      resize(next) {
        if (next > own) memory.require(owner, next - own);
        set(next);
      },
      set,
      release: () => set(0),
    };
    holding.resize(bytes);
    return holding;
  }

  private require(owner: string, more: number): void {
    const isOwnFull = (): boolean => (this.ofOwner.get(owner) ?? 0) + more > this.mostOfOne;
    const isFull = (): boolean => this.held + more > this.most;
    while (isOwnFull() || isFull()) {
      const whose = isOwnFull() ? owner : null;
      if (this.keepers.some((forget) => forget(whose))) continue;
      const message =
        'The requests under way hold as much memory as they may. Try again when some have ended.';
      throw unavailable('server_is_overloaded', message, 1000);
    }
  }
}
