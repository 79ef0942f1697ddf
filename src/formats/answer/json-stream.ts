/** Passes a JSON object on while it is written, up to its end. */

export class JsonStream {
  private depth = 0;
  private inString: boolean = false;
  private isEscaped: boolean = false;

  get isWhole(): boolean {
    return this.depth === 0 && !this.inString;
  }

  /** Takes what belongs to the object off the front of a text: its length, and itself with raw line ends in strings escaped. */
  take(text: string): { readonly length: number; readonly text: string } {
    let out = '';
    let start = 0;
    for (let i = 0; i < text.length; i++) {
      const char = text[i]!;
      if (this.isEscaped) this.isEscaped = false;
      else if (this.inString) {
        if (char === '\\') this.isEscaped = true;
        else if (char === '"') this.inString = false;
        else if (char < ' ') {
          out += text.slice(start, i) + JSON.stringify(char).slice(1, -1);
          start = i + 1;
        }
      } else if (char === '"') this.inString = true;
      else if (char === '{' || char === '[') this.depth++;
      else if (char === '}' || char === ']') {
        this.depth--;
        if (this.depth === 0) return { length: i + 1, text: out + text.slice(start, i + 1) };
      }
    }
    return { length: text.length, text: out + text.slice(start) };
  }
}
