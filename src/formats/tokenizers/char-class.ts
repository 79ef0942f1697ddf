/** Sets of code points with a fast membership test: a table per 256 code points, made when first asked for. */

export type CodePredicate = (code: number) => boolean;

export class CharClass {
  private readonly test: CodePredicate;
  private readonly pages: (Uint8Array | undefined)[] = [];

  constructor(test: CodePredicate) {
    this.test = test;
  }

  has(code: number): boolean {
    return (this.pages[code >> 8] ?? this.makePage(code >> 8))[code & 255] !== 0;
  }

  private makePage(high: number): Uint8Array {
    const page = new Uint8Array(256);
    for (let low = 0; low < 256; low++) page[low] = this.test((high << 8) | low) ? 1 : 0;
    this.pages[high] = page;
    return page;
  }
}

/** A property of Unicode as patterns name it: a general category such as `L` or `Lu`, or a script such as `Han`. */
export function unicodeProperty(name: string): CodePredicate | undefined {
  for (const source of [`\\p{${name}}`, `\\p{Script=${name}}`]) {
    let pattern: RegExp;
    try {
      pattern = new RegExp(source, 'u');
    } catch {
      continue;
    }
    return (code) => pattern.test(String.fromCodePoint(code));
  }
  return undefined;
}

/** `\s` as tokenizers mean it: Unicode's White_Space, which has U+0085 and lacks U+FEFF. */
export const isWhiteSpace = unicodeProperty('White_Space')!;
