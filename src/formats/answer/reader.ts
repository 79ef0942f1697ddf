/**
 * Reads what a model writes with marks around thoughts and calls, piece by piece: thoughts, text and calls. Arguments of calls in JSON are passed on while they are
 * written, other calls when they are whole; what looks like one and is none stays text, and the result does not depend on how the answer was cut into pieces.
 */
import type { CallableTool, ReadCall } from './call.js';
import { Cursor, Unfinished } from './cursor.js';
import { bareForms, type CallForm, type CallHead, callEnds, markedForms } from './forms.js';
import { JsonStream } from './json-stream.js';
import { answerFrames, type Pair, primers, thoughts } from './thoughts.js';
import type { AnswerEvent, AnswerOptions, AnswerReader } from './types.js';

/** Control tokens that mean something here, though they have no text of their own. */
export const knownMarks: ReadonlySet<string> = new Set([
  ...markedForms.map(({ open }) => open),
  ...callEnds,
  ...thoughts.flatMap(({ open, close }) => [open, close]),
  ...answerFrames,
  '[CALL_ID]',
  '[ARGS]',
  '<｜tool▁sep｜>',
  '<|tool_call_argument_begin|>',
  '<|tool_call:name|>',
  '<|tool_call:args|>',
  '<tool_sep:opensource>',
  '<|channel|>',
  '<|message|>',
  '<|start|>',
  '<|end|>',
  '<|call|>',
  '<|constrain|>',
  '<arg_key>',
  '</arg_key>',
  '<arg_value>',
  '</arg_value>',
  '<function=',
  '</function>',
  '</parameter>',
  '<|open|>',
  '<|close|>',
  '<|sep|>',
  '<|channel>',
  '<|"|>',
  ']<]minimax[>[',
  '<|message_sep|>',
  '<|role_sep|>',
]);

/** What a call in JSON begins with, without spaces; a list of calls has a bracket in front, other ones a fence. */
const beginnings = [
  'name',
  'type',
  'function',
  'arguments',
  'parameters',
  'id',
  'tool_name',
  'tool_call_id',
].map((key) => `{"${key}"`);

export class MarkedReader implements AnswerReader {
  private readonly tools: readonly CallableTool[];
  private readonly options: AnswerOptions;
  private readonly marked: readonly CallForm[];
  private readonly frames: readonly string[];
  /** Thoughts that may stand within an answer. */
  private readonly inner: readonly Pair[];
  /** All that may not be plain text. */
  private readonly marks: readonly string[];
  private held = '';
  private state: 'start' | 'thought' | 'text' | 'arguments' | 'callEnd' | 'afterCall' = 'start';
  /** What is left of the call being written. */
  private json = new JsonStream();
  private isMember: boolean = false;
  private pair: Pair | null = null;
  /** The thought that the prompt opened, and the white space behind it, until the answer begins. */
  private opened: Pair | null;
  private readonly openedSpaces: string;
  /** What opened the present thought, as long as it is not passed on. */
  private opening = '';
  /** Whether anything of the present thought or text has been passed on. */
  private isBegun: boolean = false;
  /** White space that is passed on when more text comes. */
  private spaces = '';
  private isLineStart: boolean = true;
  private count = 0;
  private readonly events: AnswerEvent[] = [];

  constructor(options: AnswerOptions) {
    const { template, tools = [], promptEnd } = options;
    this.options = options;
    this.tools = tools;
    this.marked =
      tools.length === 0 ? [] : markedForms.filter(({ open, isRare }) => !isRare || template?.includes(open));
    const isNamed = (mark: string): boolean => template?.includes(/^<[^>]*>|^>+|^.*/.exec(mark)![0]) ?? false;
    this.frames = answerFrames.filter(isNamed);
    this.inner = thoughts.filter(({ open, isAnywhere }) => isAnywhere && isNamed(open));
    this.marks = [
      ...this.inner.map(({ open }) => open),
      ...this.frames,
      ...this.marked.map(({ open }) => open),
    ];
    const end = promptEnd?.trimEnd();
    this.opened = thoughts.find(({ open }) => end?.endsWith(open)) ?? null;
    this.openedSpaces = promptEnd?.slice(end!.length) ?? '';
    if (this.opened === null) this.held = primers.find((primer) => promptEnd?.endsWith(primer)) ?? '';
  }

  push(text: string): AnswerEvent[] {
    this.held += text;
    return this.run(false);
  }

  end(): AnswerEvent[] {
    return this.run(true);
  }

  private run(isEnd: boolean): AnswerEvent[] {
    while (this.step(isEnd));
    return this.events.splice(0);
  }

  /** Takes one step; false when more text is needed. */
  private step(isEnd: boolean): boolean {
    switch (this.state) {
      case 'start':
        return this.start(isEnd);
      case 'thought':
        return this.thought(isEnd);
      case 'text':
        return this.text(isEnd);
      case 'arguments':
        return this.arguments();
      case 'callEnd':
        return this.callEnd(isEnd);
      case 'afterCall':
        return this.afterCall(isEnd);
    }
  }

  /** At the start of an answer, and behind calls, there may be a thought. */
  private start(isEnd: boolean): boolean {
    const rest = this.held.trimStart();
    if (rest === '' && !isEnd) return false;
    this.pair = thoughts.find(({ open }) => rest.startsWith(open)) ?? null;
    if (this.pair !== null) {
      this.held = rest.slice(this.pair.open.length);
      this.think(this.pair, '');
      return true;
    }
    // The prompt may have said that there is no thought; then its end alone is written.
    const close = thoughts.find((one) => rest.startsWith(one.close))?.close;
    if (close !== undefined && this.count === 0 && this.opened === null) {
      this.held = rest.slice(close.length);
      this.enter('text');
      return true;
    }
    const isOpen = thoughts.some(({ open, close: end }) => open.startsWith(rest) || end.startsWith(rest));
    if (!isEnd && isOpen) return false;
    if (this.opened !== null) this.think(this.opened, this.openedSpaces);
    else this.enter('text');
    return true;
  }

  private think(pair: Pair, spaces: string): void {
    this.enter('thought');
    this.opened = null;
    this.pair = pair;
    this.opening =
      this.options.reasoning === 'content' || pair.isSaid
        ? pair.open + (spaces || (pair.isSaid ? '\n' : ''))
        : '';
  }

  private enter(state: 'thought' | 'text'): void {
    this.state = state;
    this.isBegun = false;
    this.spaces = '';
    this.isLineStart = true;
  }

  private thought(isEnd: boolean): boolean {
    const { close, next } = this.pair!;
    const kind = this.options.reasoning === 'content' ? 'text' : 'reasoning';
    const ends = next === undefined ? [close] : [close, next];
    const { at, mark } = earliest(this.held, ends);
    const length = mark === null ? this.held.length - (isEnd ? 0 : heldBack(this.held, ends)) : at;
    if (this.opening !== '' && this.held.slice(0, length).trim() !== '') {
      this.emit(kind, this.opening);
      this.opening = '';
    }
    this.pass(kind, length);
    if (mark === null) return false;
    const isOpen = this.opening !== '';
    this.opening = '';
    if (mark === close) this.held = this.held.slice(close.length);
    if (kind === 'text' && mark === close && !isOpen) {
      this.emit('text', this.spaces + close);
      this.state = 'text';
      this.spaces = '';
      return true;
    }
    this.held = this.held.trimStart();
    this.state = 'afterCall';
    return true;
  }

  private text(isEnd: boolean): boolean {
    if (this.count > 0 && this.options.parallel === false) {
      this.held = '';
      return false;
    }
    const { at, mark } = earliest(this.held, this.marks);
    const bare = this.tools.length > 0 ? this.bareAt(at) : -1;
    if (bare >= 0) return this.call(bare, bareForms, isEnd);
    if (mark === null) {
      this.pass('text', this.held.length - (isEnd ? 0 : heldBack(this.held, this.marks)));
      if (isEnd) this.flush();
      return false;
    }
    const rest = this.held.slice(at);
    if (!isEnd && this.marks.some((one) => one.length > rest.length && one.startsWith(rest))) {
      this.pass('text', at);
      return false;
    }
    const thought = this.inner.find(({ open }) => open === mark);
    if (thought !== undefined) {
      this.pass('text', at);
      this.held = this.held.slice(mark.length);
      this.think(thought, '');
      return true;
    }
    const forms = this.marked.filter(({ open }) => open === mark);
    if (forms.length > 0) return this.call(at, forms, isEnd);
    this.pass('text', at);
    this.held = this.held.slice(mark.length);
    return true;
  }

  /** Where a line begins like a call without a mark, in front of `end`; -1 where none does. */
  private bareAt(end: number): number {
    const limit = end < 0 ? this.held.length : end;
    for (let at = 0; at < limit; at = this.held.indexOf('\n', at) + 1) {
      if (at > 0 || this.isLineStart) {
        const place = at + this.held.slice(at).search(/\S|$/);
        if (place < limit && mayBeCall(this.held.slice(place, place + 300), this.tools)) return place;
      }
      if (this.held.indexOf('\n', at) < 0) break;
    }
    return -1;
  }

  private call(at: number, forms: readonly CallForm[], isEnd: boolean): boolean {
    this.pass('text', at);
    const form = forms.find(({ open }) => this.held.startsWith(open));
    if (form === undefined) {
      // A fence of which not all is there.
      if (isEnd) this.pass('text', 1);
      return isEnd;
    }
    const cursor = new Cursor(this.held, form.keepsOpen ? 0 : form.open.length);
    if (form.heads?.some((head) => this.begin(cursor, head))) return true;
    let calls: readonly ReadCall[] | null = null;
    try {
      calls = form.read(cursor, this.tools);
    } catch (thrown) {
      if (!(thrown instanceof Unfinished)) throw thrown;
      if (!isEnd) return false;
    }
    if (!calls?.every(({ name }) => this.tools.some((tool) => tool.name === name))) {
      // The mark alone is text now; there may be another one behind it.
      const length = form.keepsOpen ? 1 : form.open.length;
      this.pass('text', length);
      this.isLineStart = false;
      return true;
    }
    this.held = this.held.slice(cursor.at);
    this.spaces = '';
    for (const { name, id, arguments: text } of calls) {
      if (this.options.parallel === false && this.count > 0) break;
      this.count++;
      this.events.push({ type: 'callStart', name, ...(id !== undefined && { id }) });
      this.events.push({ type: 'callArguments', text });
    }
    this.state = 'afterCall';
    return true;
  }

  /** Begins a call whose arguments are passed on while they are written; false where its head is not here. */
  private begin(cursor: Cursor, { pattern, isMember }: CallHead): boolean {
    const { at } = cursor;
    const { name = '', id } = cursor.match(pattern)?.groups ?? {};
    if (!this.tools.some((tool) => tool.name === name)) {
      cursor.at = at;
      return false;
    }
    this.held = cursor.rest;
    this.spaces = '';
    this.count++;
    this.events.push({ type: 'callStart', name, ...(id !== undefined && { id }) });
    this.json = new JsonStream();
    this.isMember = isMember;
    this.state = 'arguments';
    return true;
  }

  private arguments(): boolean {
    const { length, text } = this.json.take(this.held);
    this.held = this.held.slice(length);
    if (text !== '') this.events.push({ type: 'callArguments', text });
    if (length === 0 || !this.json.isWhole) return false;
    this.state = this.isMember ? 'callEnd' : 'afterCall';
    return true;
  }

  /** The rest of the object that the arguments were a member of, which may be left out. */
  private callEnd(isEnd: boolean): boolean {
    this.held = this.held.trimStart();
    if (this.held === '' && !isEnd) return false;
    if (this.held.startsWith(',')) {
      const cursor = new Cursor(`{${this.held.slice(1)}`);
      try {
        cursor.json();
        this.held = cursor.rest;
      } catch (thrown) {
        if (!(thrown instanceof Unfinished)) throw thrown;
        if (!isEnd) return false;
        this.held = '';
      }
    } else if (this.held.startsWith('}')) this.held = this.held.slice(1);
    this.state = 'afterCall';
    return true;
  }

  /** White space and marks between calls go. */
  private afterCall(isEnd: boolean): boolean {
    this.held = this.held.trimStart();
    const frame = this.count > 0 ? callEnds.find((one) => this.held.startsWith(one)) : undefined;
    if (frame !== undefined && !(frame === '```' && /^```(?:json|tool_code)/.test(this.held))) {
      this.held = this.held.slice(frame.length);
      return true;
    }
    if (!isEnd && (this.held === '' || callEnds.some((one) => one.startsWith(this.held)))) return false;
    this.state = 'start';
    return !(isEnd && this.held === '');
  }

  /** Passes on the first characters held, without white space at the edges. */
  private pass(kind: 'text' | 'reasoning', length: number): void {
    const part = this.held.slice(0, length);
    this.held = this.held.slice(length);
    if (part === '') return;
    this.isLineStart = /\n\s*$/.test(part) || (this.isLineStart && part.trim() === '');
    const isTrimmed = kind === 'reasoning' || this.count > 0;
    const text = !this.isBegun && isTrimmed ? part.trimStart() : this.spaces + part;
    const core = text.trimEnd();
    this.spaces = text.slice(core.length);
    if (core !== '') {
      this.isBegun = true;
      this.emit(kind, core);
    }
  }

  private flush(): void {
    if (this.spaces !== '' && this.count === 0) this.emit('text', this.spaces);
    this.spaces = '';
  }

  private emit(type: 'text' | 'reasoning', text: string): void {
    if (text !== '') this.events.push({ type, text });
  }
}

/** Whether a text, as far as it goes, begins like a call. */
function mayBeCall(text: string, tools: readonly CallableTool[]): boolean {
  const bare = text.replace(/^```(?:json)?\s*/, '');
  if (bare === '') return text !== '';
  if (/^`{1,3}(?:j|js|jso)?$/.test(text)) return true;
  const dense = bare.replace(/\s+/g, '').replace(/^\[/, '');
  if (/^[[{]/.test(bare) && beginnings.some((one) => one.startsWith(dense) || dense.startsWith(one)))
    return true;
  if (!bare.startsWith('[')) return false;
  return tools.some(({ name }) => `${name}(`.startsWith(dense) || dense.startsWith(`${name}(`));
}

function earliest(text: string, marks: readonly string[]): { at: number; mark: string | null } {
  let at = -1;
  let mark: string | null = null;
  for (const one of marks) {
    const found = text.indexOf(one);
    if (found >= 0 && (at < 0 || found < at || (found === at && one.length > mark!.length))) {
      at = found;
      mark = one;
    }
  }
  return { at, mark };
}

/** The length of the longest end of `text` that one of the marks begins with. */
function heldBack(text: string, marks: readonly string[]): number {
  let longest = 0;
  for (const mark of marks)
    for (let length = Math.min(text.length, mark.length - 1); length > longest; length--)
      if (mark.startsWith(text.slice(-length))) longest = length;
  return longest;
}
