/** Numbers for texts: the id of a token, and numbers past the vocabulary for parts of tokens that are none themselves. */

/** The id of a text that is a token. */
export type TokenIds = Pick<ReadonlyMap<string, number>, 'get'>;

export class Symbols {
  private readonly idOf: TokenIds;
  private readonly texts: readonly string[];
  private readonly others = new Map<string, number>();
  private readonly otherTexts: string[] = [];

  constructor(idOf: TokenIds, texts: readonly string[]) {
    this.idOf = idOf;
    this.texts = texts;
  }

  of(text: string): number {
    const id = this.idOf.get(text) ?? this.others.get(text);
    if (id !== undefined) return id;
    const other = this.texts.length + this.otherTexts.push(text) - 1;
    this.others.set(text, other);
    return other;
  }

  isToken(symbol: number): boolean {
    return symbol < this.texts.length;
  }

  textOf(symbol: number): string {
    return symbol < this.texts.length ? this.texts[symbol]! : this.otherTexts[symbol - this.texts.length]!;
  }
}

/** The symbols of the characters of a text, in a buffer that the next call uses again. */
export class SymbolRow {
  values = new Int32Array(256);

  /** Room for `count` symbols. */
  reserve(count: number): Int32Array {
    if (count > this.values.length) this.values = new Int32Array(2 * count);
    return this.values;
  }

  /** Lets go of a buffer that one long word made large. */
  release(): void {
    if (this.values.length > 65_536) this.values = new Int32Array(256);
  }
}
