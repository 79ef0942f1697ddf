/**
 * Drafts for speculative decoding: those of a second model, which come from outside, and without one what followed the last tokens where they stood before, in
 * the predicted output, the prompt or the answer (prompt lookup decoding). Whether a draft is right is checked by the
 * model, so drafts change the speed only.
 */

/** With the newest token a draft makes 4, 8 or 16 rows: the matmul takes four at a time. */
const shortest = 3;
const longest = 15;
/** Tokens without drafts after two drafts of which nothing was right. */
const rest = 16;

/** Where a sequence has its drafts from. */
export interface DraftSource {
  /** Tokens that probably come next, at most `most`; often none. */
  draft(most: number): readonly number[];
  /** The model chose `id`. */
  push(id: number): void;
  /** Of the last `drafted` tokens, `accepted` were right. */
  learn(drafted: number, accepted: number): void;
}

/** How long drafts are: longer where they are right, and none for a while where they are wrong. */
export class DraftLength {
  private length: number;
  private misses = 0;

  constructor(first: number = shortest) {
    this.length = first;
  }

  get tokens(): number {
    return this.length;
  }

  /** Of the last `drafted` tokens, `accepted` were right. Returns for how many tokens there are to be no drafts. */
  learn(drafted: number, accepted: number): number {
    if (drafted === 0) return 0;
    this.misses = accepted > 0 ? 0 : this.misses + 1;
    if (accepted === drafted) this.length = Math.min(longest, 2 * this.length + 1);
    else this.length = accepted < 7 ? shortest : 7;
    if (this.misses < 2) return 0;
    this.misses = 0;
    return rest;
  }
}

/** Drafts that come from outside, one for each step that asks for one. */
export class GivenDrafts implements DraftSource {
  private ids: readonly number[] = [];

  give(ids: readonly number[]): void {
    this.ids = ids;
  }

  draft(most: number): readonly number[] {
    return this.ids.slice(0, most);
  }

  push(id: number): void {
    this.ids = this.ids[0] === id ? this.ids.slice(1) : [];
  }

  learn(): void {
    this.ids = [];
  }
}

export class Drafter implements DraftSource {
  /** Predicted output, a gap, prompt and answer. */
  private readonly text: number[];
  /** Where the text goes on after the last place of three tokens, and of two. */
  private readonly after3 = new Map<number, number>();
  private readonly after2 = new Map<number, number>();
  /** Where in the text the next tokens are expected; -1 if nowhere. */
  private at: number;
  private readonly length: DraftLength;
  private resting = 0;

  /** @param prediction tokens that the answer will probably be, from its start; may be empty */
  constructor(prediction: readonly number[], prompt: readonly number[]) {
    this.text = [];
    for (const id of prediction) this.append(id);
    this.append(-1);
    for (const id of prompt) this.append(id);
    this.at = prediction.length > 0 ? 0 : this.lookUp();
    this.length = new DraftLength(prediction.length > 0 ? 7 : shortest);
  }

  draft(most: number): readonly number[] {
    if (this.resting > 0 || this.at < 0) return [];
    const ids = this.text.slice(this.at, this.at + Math.min(most, this.length.tokens));
    const gap = ids.indexOf(-1);
    return gap < 0 ? ids : ids.slice(0, gap);
  }

  push(id: number): void {
    if (this.resting > 0) this.resting--;
    const goesOn = this.at >= 0 && this.text[this.at] === id;
    this.append(id);
    this.at = goesOn ? this.at + 1 : this.lookUp();
  }

  learn(drafted: number, accepted: number): void {
    this.resting += this.length.learn(drafted, accepted);
  }

  private append(id: number): void {
    // The place is entered once it has a next token, so the last tokens do not find themselves.
    const { text } = this;
    const n = text.length;
    if (n >= 2) this.after2.set(key2(text, n), n);
    if (n >= 3) this.after3.set(key3(text, n), n);
    text.push(id);
  }

  private lookUp(): number {
    const n = this.text.length;
    return (
      (n >= 3 ? this.after3.get(key3(this.text, n)) : undefined) ?? this.after2.get(key2(this.text, n)) ?? -1
    );
  }
}

/** Vocabularies stay below 2^17 or so: three ids fit into the 53 bits of a number. */
const base = 2 ** 17;

function key2(text: readonly number[], end: number): number {
  return text[end - 2]! * base + text[end - 1]!;
}

function key3(text: readonly number[], end: number): number {
  return (text[end - 3]! * base + text[end - 2]!) * base + text[end - 1]!;
}
