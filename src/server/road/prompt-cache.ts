/**
 * Ids of conversations seen before. A conversation comes back whole with every turn, and no token reaches over a special
 * one: what stands up to the last token that ended a turn is taken from here, and only what follows is encoded.
 */
import { isSameText, Origins, plain, sliced, type Text } from '../../formats/jinja/text.js';
import type { Tokenizer } from '../../runtime/types.js';

/** Shorter texts are encoded faster than they are worth keeping, in UTF-16 units. */
const leastLength = 2048;
/** A text that is longer than a kept one by less is not kept as well: a copy of all ids costs more than it saves. */
const leastGrowth = 512;
/** Of all texts together, in UTF-16 units; their ids take up to eight bytes for each. */
const mostLength = 4_000_000;
/** Each one is compared with a new text. */
const mostTexts = 64;
/** No special token has a longer text, in UTF-16 units. */
const longestSpecial = 64;

/** A text that ends with a special token. */
interface Kept {
  readonly text: Text;
  readonly ids: readonly number[];
}

/** Encodes a text with its control tokens. */
export type EncodeText = (text: Text) => readonly number[] | Promise<readonly number[]>;

export class PromptCache {
  private readonly tokenizer: Tokenizer;
  /** Texts of tokens that end a turn. */
  private readonly ends: readonly string[];
  /** The one that was used last comes last. */
  private known: readonly Kept[] = [];

  constructor(tokenizer: Tokenizer) {
    this.tokenizer = tokenizer;
    this.ends = endTexts(tokenizer);
  }

  /**
   * The ids of a text from the tokenizer's chat template: exactly those of encoding all of it.
   *
   * @param encode as `encodeAll`, and where a long text holds up nobody
   */
  async encode(text: Text, encode: EncodeText = (part) => this.encodeAll(part)): Promise<readonly number[]> {
    if (this.ends.length === 0 || text.length < leastLength) return encode(text);
    const start = this.startOf(text);
    if (start !== null) this.use(start);
    const ids =
      start === null ? await encode(text) : start.ids.concat(await encode(sliced(text, start.text.length)));
    await this.keepStart(text, ids, start?.text.length ?? 0, encode);
    return ids;
  }

  private encodeAll(text: Text): number[] {
    return this.tokenizer.encode(text, { special: true, bos: false });
  }

  /** The longest text kept that this one begins with. */
  private startOf(text: Text): Kept | null {
    const all = plain(text);
    let longest: Kept | null = null;
    for (const kept of this.known) {
      const { length } = kept.text;
      // Thirty times as fast as `startsWith`.
      if (length <= (longest?.text.length ?? 0) || all.slice(0, length) !== plain(kept.text)) continue;
      // The same letters may have been said by others.
      if (isSameText(sliced(text, 0, length), kept.text)) longest = kept;
    }
    return longest !== null && this.isCut(text, longest.text.length) ? longest : null;
  }

  /** Whether a token ends here whatever follows: a longer special token could begin in front of it and end behind it. */
  private isCut(text: Text, at: number): boolean {
    const start = Math.max(0, at - longestSpecial);
    const around = sliced(text, start, at + longestSpecial);
    const parts = [sliced(text, start, at), sliced(text, at, at + longestSpecial)];
    return isSame(
      this.encodeAll(around),
      parts.flatMap((part) => this.encodeAll(part)),
    );
  }

  /** Keeps the part that the conversation's next text will begin with, too. */
  private async keepStart(
    text: Text,
    ids: readonly number[],
    keptLength: number,
    encode: EncodeText,
  ): Promise<void> {
    const at = Math.max(...this.ends.map((end) => lastEnd(text, end)));
    if (at < leastLength || at < keptLength + leastGrowth) return;
    const tail = await encode(sliced(text, at));
    const count = ids.length - tail.length;
    if (this.tokenizer.eosIds.has(ids[count - 1] ?? -1) && isSame(ids.slice(count), tail))
      this.use({ text: sliced(text, 0, at), ids: ids.slice(0, count) });
  }

  /** Puts it last; the oldest ones go where there is no room. */
  private use(kept: Kept): void {
    const all = [...this.known.filter((one) => one !== kept), kept].slice(-mostTexts);
    let length = all.reduce((sum, { text }) => sum + text.length, 0);
    while (length > mostLength) length -= all.shift()!.text.length;
    this.known = all;
  }
}

/** Where the last mark ends that the template wrote itself; 0 where there is none. */
function lastEnd(text: Text, mark: string): number {
  const all = plain(text);
  const origins = typeof text === 'string' ? null : new Origins(text);
  let at = all.lastIndexOf(mark);
  while (at > 0 && origins?.hasUser(at, at + mark.length)) at = all.lastIndexOf(mark, at - 1);
  return at < 0 || origins?.hasUser(at, at + mark.length) ? 0 : at + mark.length;
}

/** What a template writes behind turns, where that is a token: those of its marks that end a generation. */
function endTexts(tokenizer: Tokenizer): readonly string[] {
  const marks = new Set(exampleOf(tokenizer).match(/<[^<>\s]+>/g));
  return [...marks].filter((mark) => {
    const ids = tokenizer.encode(mark, { special: true, bos: false });
    return ids.length === 1 && tokenizer.eosIds.has(ids[0]!);
  });
}

function exampleOf(tokenizer: Tokenizer): string {
  try {
    const example = tokenizer.applyChatTemplate([
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
      { role: 'user', content: 'c' },
    ]);
    return plain(example);
  } catch {
    // A template that refuses even this, refuses what comes with words of its own.
    return '';
  }
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
