/** A place in what a model wrote, and the small steps that all forms of calls are read with. */

/** The text ends inside of what is being read. */
export class Unfinished extends Error {}

export class Cursor {
  readonly text: string;
  at: number;

  constructor(text: string, at = 0) {
    this.text = text;
    this.at = at;
  }

  get rest(): string {
    return this.text.slice(this.at);
  }

  get isEnd(): boolean {
    return this.at >= this.text.length;
  }

  skipSpace(): this {
    while (this.at < this.text.length && /\s/.test(this.text[this.at]!)) this.at++;
    return this;
  }

  /** Whether a mark stands here; passes it. Throws Unfinished where the text ends within it. */
  eat(mark: string): boolean {
    if (this.text.startsWith(mark, this.at)) {
      this.at += mark.length;
      return true;
    }
    const { rest } = this;
    if (rest !== '' && rest.length < mark.length && mark.startsWith(rest)) throw new Unfinished();
    return false;
  }

  /** The same behind white space, which stays where there is no such mark. */
  eatSpaced(mark: string): boolean {
    const { at } = this;
    if (this.skipSpace().eat(mark)) return true;
    this.at = at;
    return false;
  }

  match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match !== null) this.at = pattern.lastIndex;
    return match;
  }

  /** What stands before a mark, which is passed. Throws Unfinished where there is none. */
  until(mark: string): string {
    const end = this.text.indexOf(mark, this.at);
    if (end < 0) throw new Unfinished();
    const part = this.text.slice(this.at, end);
    this.at = end + mark.length;
    return part;
  }

  /** A JSON object or list, as text that JSON.parse takes; null where none begins here. Line ends may stand raw in strings. */
  json(): string | null {
    const open = this.text[this.at];
    if (open !== '{' && open !== '[') return null;
    let depth = 0;
    let inString = false;
    let escaped = '';
    let start = this.at;
    for (let i = this.at; i < this.text.length; i++) {
      const char = this.text[i]!;
      if (inString) {
        if (char === '\\') i++;
        else if (char === '"') inString = false;
        else if (char < ' ') {
          escaped += this.text.slice(start, i) + JSON.stringify(char).slice(1, -1);
          start = i + 1;
        }
      } else if (char === '"') inString = true;
      else if (char === '{' || char === '[') depth++;
      else if (char === '}' || char === ']') {
        depth--;
        if (depth > 0) continue;
        this.at = i + 1;
        return escaped + this.text.slice(start, i + 1);
      }
    }
    throw new Unfinished();
  }
}
