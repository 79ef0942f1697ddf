/** What a person says in a terminal, turn by turn: lines, pasted text as one turn, and blocks between `"""`. */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';

const FENCE = '"""';
const HISTORY_LINES = 1000;
const PASTE_ON = '\u001b[?2004h';
const PASTE_OFF = '\u001b[?2004l';

/** Where what was said is remembered across starts: WAFERFLOW_HISTORY, or a file beside the models. */
function historyFile(): string {
  return process.env.WAFERFLOW_HISTORY ?? join(homedir(), '.cache', 'waferflow', 'history');
}

/** Standard output, except that nothing is echoed while an answer streams. */
class Screen extends Writable {
  isMuted: boolean = false;
  readonly isTTY = true;

  get columns(): number {
    return process.stdout.columns;
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    if (!this.isMuted) process.stdout.write(chunk);
    done();
  }
}

export class Turns {
  private readonly lines: Interface;
  private readonly screen: Screen | null;
  private readonly waiting: string[] = [];
  private wake: (() => void) | null = null;
  private isClosed: boolean = false;
  private isPasting: boolean = false;
  private pasted: string[] = [];

  constructor(onInterrupt: () => void) {
    const { stdin, stdout } = process;
    this.screen = stdin.isTTY && stdout.isTTY ? new Screen() : null;
    this.lines = createInterface({
      input: stdin,
      ...(this.screen && {
        output: this.screen,
        terminal: true,
        history: readHistory(),
        historySize: HISTORY_LINES,
      }),
      prompt: '> ',
    });
    // On a terminal readline takes Ctrl-C for itself.
    this.lines.on('SIGINT', onInterrupt);
    this.lines.on('line', (line) => this.take(line));
    this.lines.on('close', () => {
      this.isClosed = true;
      this.wake?.();
    });
    if (this.screen) {
      stdout.write(PASTE_ON);
      stdin.on('keypress', (_text, key: { readonly name?: string } | undefined) => {
        if (key?.name === 'paste-start') this.isPasting = true;
        if (key?.name === 'paste-end') this.isPasting = false;
      });
    }
  }

  /** Nothing of what is typed is shown, until the next turn is asked for. */
  hush(): void {
    if (this.screen) this.screen.isMuted = true;
  }

  /** The next turn; null at the end of the input. */
  async next(): Promise<string | null> {
    const first = await this.line('> ');
    if (first === null || !first.startsWith(FENCE)) return first;
    const block = [first.slice(FENCE.length)];
    while (!block.at(-1)!.endsWith(FENCE)) {
      const line: string | null = await this.line('... ');
      if (line === null) break;
      block.push(line);
    }
    return block
      .join('\n')
      .replace(/"""$/, '')
      .replace(/^\n|\n$/g, '');
  }

  close(): void {
    if (this.screen && !this.isClosed) process.stdout.write(PASTE_OFF);
    this.lines.close();
  }

  private take(line: string): void {
    if (this.isPasting) {
      this.pasted.push(line);
      return;
    }
    const turn = [...this.pasted, line].join('\n');
    this.pasted = [];
    this.waiting.push(turn);
    if (this.screen && turn.trim() !== '') remember(turn);
    this.wake?.();
  }

  private async line(prompt: string): Promise<string | null> {
    if (this.screen) this.screen.isMuted = false;
    if (this.waiting.length === 0 && !this.isClosed) {
      this.lines.setPrompt(prompt);
      // With what was typed during the answer.
      this.lines.prompt(true);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = null;
    }
    const line = this.waiting.shift();
    if (line === undefined && this.screen) process.stdout.write('\n');
    return line ?? null;
  }
}

function readHistory(): string[] {
  try {
    return readFileSync(historyFile(), 'utf8').split('\n').filter(Boolean).slice(-HISTORY_LINES).reverse();
  } catch {
    return [];
  }
}

/** What cannot be remembered is no reason to end a conversation. */
function remember(turn: string): void {
  try {
    mkdirSync(dirname(historyFile()), { recursive: true });
    appendFileSync(historyFile(), `${turn.replaceAll('\n', ' ')}\n`, { mode: 0o600 });
  } catch {
    // A read-only home, for one.
  }
}
