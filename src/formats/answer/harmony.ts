/** The channels of gpt-oss: analysis is thought, commentary to a function is a call, everything else is text. */
import type { AnswerEvent, AnswerOptions, AnswerReader } from './types.js';

const bodyEnds = /<\|(?:end|call|return|start)\|>|<\|channel\|>/;
const marks = ['<|end|>', '<|call|>', '<|return|>', '<|start|>', '<|channel|>'];

export class HarmonyReader implements AnswerReader {
  private readonly options: AnswerOptions;
  private held = '';
  /** Of the message being read; null in front of its body. */
  private header: string | null = null;
  private count = 0;
  /** Of the call being read: whether it has been passed on, and any of its arguments; white space behind these. */
  private isOpen: boolean = false;
  private hasArguments: boolean = false;
  private written = '';
  private readonly events: AnswerEvent[] = [];

  constructor(options: AnswerOptions) {
    this.options = options;
    const open = /<\|channel\|>([^<]*)<\|message\|>\s*$/.exec(options.promptEnd ?? '');
    if (open !== null) this.header = open[1]!;
  }

  push(text: string): AnswerEvent[] {
    this.held += text;
    return this.run(false);
  }

  end(): AnswerEvent[] {
    return this.run(true);
  }

  private run(isEnd: boolean): AnswerEvent[] {
    while (this.header === null ? this.readHeader(isEnd) : this.readBody(this.header, isEnd));
    return this.events.splice(0);
  }

  private readHeader(isEnd: boolean): boolean {
    const isPlain = !/^\s*(?:<|$|assistant|to=|(?:to?|a|as|ass|assi|assis|assist|assista|assistan)$)/.test(
      this.held,
    );
    if (isPlain) {
      // No channel at all: it is the answer.
      this.header = 'final';
      return true;
    }
    const end = this.held.indexOf('<|message|>');
    if (end < 0) {
      if (isEnd) this.held = '';
      return false;
    }
    this.header = this.held.slice(0, end);
    this.held = this.held.slice(end + '<|message|>'.length);
    if (this.staysWritten(this.header)) {
      const written = this.header.slice(this.header.indexOf('<|channel|>'));
      this.events.push({ type: 'text', text: `${written}<|message|>` });
    }
    return true;
  }

  /** Whether a message is a thought that is to be left as it was written. */
  private staysWritten(header: string): boolean {
    return (
      this.options.reasoning === 'content' &&
      header.includes('<|channel|>analysis') &&
      !header.includes('to=')
    );
  }

  private readBody(header: string, isEnd: boolean): boolean {
    const match = bodyEnds.exec(this.held);
    const name = /to=(?:functions\.)?([\w.-]+)/.exec(header)?.[1]?.replace(/<.*$/, '');
    const isCall = name !== undefined && (this.options.tools ?? []).some((tool) => tool.name === name);
    const length = match?.index ?? this.held.length - (isEnd ? 0 : tail(this.held));
    if (isCall) this.call(name, length, match !== null || isEnd);
    else this.pass(header, length);
    if (match === null && !isEnd) return false;
    if (!isCall && match !== null && this.staysWritten(header))
      this.events.push({ type: 'text', text: match[0] });
    if (match !== null) this.held = this.held.slice(match[0] === '<|channel|>' ? 0 : match[0].length);
    this.header = null;
    return this.held !== '';
  }

  /** Passes on arguments as they come, without white space around them; none at all are `{}`. */
  private call(name: string, length: number, isWhole: boolean): void {
    const text = this.written + this.held.slice(0, length);
    this.held = this.held.slice(length);
    const isDropped = this.options.parallel === false && this.count > (this.isOpen ? 1 : 0);
    if (!isDropped && !this.isOpen) {
      this.count++;
      this.isOpen = true;
      this.hasArguments = false;
      this.events.push({ type: 'callStart', name });
    }
    const core = (this.hasArguments ? text : text.trimStart()).trimEnd();
    this.written = text.slice(text.length - (text.length - text.trimEnd().length));
    const last = isWhole && core === '' && !this.hasArguments ? '{}' : core;
    if (last !== '' && !isDropped) {
      this.hasArguments = true;
      this.events.push({ type: 'callArguments', text: last });
    }
    if (isWhole) {
      this.isOpen = false;
      this.written = '';
    }
  }

  private pass(header: string, length: number): void {
    const text = this.held.slice(0, length);
    this.held = this.held.slice(length);
    const isThought = header.includes('analysis') && this.options.reasoning !== 'content';
    if (text !== '') this.events.push({ type: isThought ? 'reasoning' : 'text', text });
  }
}

function tail(text: string): number {
  for (let length = Math.min(text.length, 10); length > 0; length--)
    if (marks.some((mark) => mark.startsWith(text.slice(-length)))) return length;
  return 0;
}
