/** Bytes that clients' requests hold in this process, all together and of each key: at the end of them there is no room. */
import { unavailable } from '../errors.js';

export class Memory {
  private readonly most: number;
  private readonly mostOfOne: number;
  private held = 0;
  private readonly ofOwner = new Map<string, number>();

  /** @param parts one owner may have one of so many parts */
  constructor(most: number, parts: number) {
    this.most = most;
    this.mostOfOne = most / parts;
  }

  /** Takes bytes until the function that is returned is called. Throws an ApiError with status 503 where there is no room. */
  take(owner: string, bytes: number): () => void {
    const own = this.ofOwner.get(owner) ?? 0;
    if (this.held + bytes > this.most || own + bytes > this.mostOfOne) {
      const message =
        'The requests under way hold as much memory as they may. Try again when some have ended.';
      throw unavailable('server_is_overloaded', message, 1000);
    }
    this.held += bytes;
    this.ofOwner.set(owner, own + bytes);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.held -= bytes;
      const left = (this.ofOwner.get(owner) ?? 0) - bytes;
      if (left > 0) this.ofOwner.set(owner, left);
      else this.ofOwner.delete(owner);
    };
  }
}
