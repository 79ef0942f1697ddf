/**
 * What a tokenizer.json does with a text before its model sees words: normalisers and pre-tokenisers, each a row of a
 * table. Sources: the documentation of Hugging Face's tokenizers and what it answers.
 */
import { FormatError } from '../../core/errors.js';
import { Charsmap } from './charsmap.js';
import { Pattern } from './pattern.js';
import { replaceMatches, type SplitBehavior, splitWords } from './splitter.js';

export type Settings = Readonly<Record<string, unknown>>;
export type Normalizer = (text: string) => string;
export type Splitter = (text: string) => readonly string[];

/** Settings of a component, with errors that say where. */
class Component {
  readonly what: string;
  readonly settings: Settings;

  constructor(what: string, settings: Settings) {
    this.what = what;
    this.settings = settings;
  }

  wrong(key: string, expected: string): FormatError {
    const value = key === '' ? this.settings : this.settings[key];
    return new FormatError({
      what: key === '' ? this.what : `${this.what}, ${key}`,
      given: value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 120),
      expected,
      todo: 'Fetch the folder again, or take a GGUF file of this model.',
    });
  }

  text(key: string, fallback?: string): string {
    const value = this.settings[key] ?? fallback;
    if (typeof value === 'string') return value;
    throw this.wrong(key, 'a text');
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.settings[key] ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.wrong(key, 'true or false');
  }

  list(key: string): readonly Settings[] {
    const value = this.settings[key];
    if (Array.isArray(value) && value.every((one) => typeof one === 'object' && one !== null))
      return value as Settings[];
    throw this.wrong(key, 'a list of components');
  }

  /** A pattern, or a text that stands for itself. */
  pattern(): Pattern {
    const { Regex: regex, String: text } = (this.settings.pattern ?? {}) as Settings;
    if (typeof regex === 'string') return new Pattern(regex, this.what);
    if (typeof text === 'string')
      return new Pattern(text.replace(/[\\^$.*+?()[\]{}|&~#-]/g, '\\$&'), this.what);
    throw this.wrong('pattern', 'a Regex or a String');
  }
}

type Table<T> = Readonly<Record<string, (component: Component) => T>>;

function componentOf<T>(table: Table<T>, settings: unknown, what: string): T {
  const component = new Component(what, (settings ?? {}) as Settings);
  const type = component.settings.type;
  const make = typeof type === 'string' && Object.hasOwn(table, type) ? table[type] : undefined;
  if (make) return make(new Component(`${what} ${String(type)}`, component.settings));
  throw component.wrong('type', `one of ${Object.keys(table).join(', ')}`);
}

/** The normaliser of a tokenizer.json. Throws FormatError on one that is not known. */
export function normalizerOf(settings: unknown, what: string): Normalizer {
  return settings === null || settings === undefined
    ? (text) => text
    : componentOf(normalizers, settings, `${what}: normalizer`);
}

/** The pre-tokeniser of a tokenizer.json. Throws FormatError on one that is not known. */
export function splitterOf(settings: unknown, what: string): Splitter {
  return settings === null || settings === undefined
    ? (text) => [text]
    : componentOf(splitters, settings, `${what}: pre_tokenizer`);
}

const inForm = (form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD') => (): Normalizer => (text) => text.normalize(form);
const marks = /\p{Mn}/gu;

const normalizers: Table<Normalizer> = {
  NFC: inForm('NFC'),
  NFD: inForm('NFD'),
  NFKC: inForm('NFKC'),
  NFKD: inForm('NFKD'),
  Lowercase: () => (text) => text.toLowerCase(),
  StripAccents: () => (text) => text.replace(marks, ''),
  Strip: (component) => {
    const [left, right] = [component.flag('strip_left', true), component.flag('strip_right', true)];
    return (text) => (left && right ? text.trim() : left ? text.trimStart() : right ? text.trimEnd() : text);
  },
  Prepend: (component) => {
    const prefix = component.text('prepend');
    return (text) => (text === '' ? text : prefix + text);
  },
  Replace: (component) => {
    const content = component.text('content');
    const text = (component.settings.pattern as Settings | undefined)?.String;
    if (typeof text === 'string')
      return (given) => (text === '' ? given : given.replaceAll(text, () => content));
    const pattern = component.pattern();
    return (given) => replaceMatches(given, pattern, content);
  },
  Precompiled: (component) => {
    const map = component.text('precompiled_charsmap', '');
    if (map === '') return (text) => text;
    const charsmap = new Charsmap(
      Uint8Array.from(atob(map), (char) => char.charCodeAt(0)),
      component.what,
    );
    return (text) => charsmap.normalize(text);
  },
  BertNormalizer: bertNormalizer,
  Sequence: (component) => {
    const steps = component.list('normalizers').map((one) => componentOf(normalizers, one, component.what));
    return (text) => steps.reduce((result, step) => step(result), text);
  },
};

const chinese =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const controls = /[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Cn}\p{Co}]/gu;

function bertNormalizer(component: Component): Normalizer {
  const lowercase = component.flag('lowercase', true);
  const stripAccents = component.flag('strip_accents', lowercase);
  const cleans = component.flag('clean_text', true);
  const spaces = component.flag('handle_chinese_chars', true);
  return (given) => {
    let text = given;
    if (cleans) text = text.replace(controls, '').replace(/\s/gu, ' ');
    if (spaces) text = text.replace(chinese, ' $& ');
    if (stripAccents) text = text.normalize('NFD').replace(marks, '');
    return lowercase ? text.toLowerCase() : text;
  };
}

const behaviors: Readonly<Record<string, SplitBehavior>> = {
  Isolated: 'isolated',
  Removed: 'removed',
  MergedWithPrevious: 'previous',
  MergedWithNext: 'next',
  Contiguous: 'contiguous',
};

function behaviorOf(component: Component, fallback: string): SplitBehavior {
  const name = component.text('behavior', fallback);
  const behavior = Object.hasOwn(behaviors, name) ? behaviors[name] : undefined;
  if (behavior) return behavior;
  throw component.wrong('behavior', Object.keys(behaviors).join(', '));
}

/** A splitter by one pattern. */
function by(pattern: Pattern, behavior: SplitBehavior, invert = false): Splitter {
  return (text) => splitWords(text, [{ kind: 'pattern', pattern, behavior, invert }]);
}
const fixed = (source: string, behavior: SplitBehavior) => (): Splitter =>
  by(new Pattern(source, 'words'), behavior);
const punctuation = '[!-/:-@\\[-`{-~\\p{P}]';
const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const splitters: Table<Splitter> = {
  Split: (component) =>
    by(component.pattern(), behaviorOf(component, 'Isolated'), component.flag('invert', false)),
  ByteLevel: (component) => {
    const prefixes = component.flag('add_prefix_space', true);
    const words = component.flag('use_regex', true) ? fixed(gpt2, 'isolated')() : null;
    return (text) => {
      const whole = prefixes && text !== '' && !text.startsWith(' ') ? ` ${text}` : text;
      return words ? words(whole) : [whole];
    };
  },
  Metaspace: metaspace,
  Digits: (component) =>
    by(
      new Pattern('\\p{N}', component.what),
      component.flag('individual_digits', false) ? 'isolated' : 'contiguous',
    ),
  Punctuation: (component) => by(new Pattern(punctuation, component.what), behaviorOf(component, 'Isolated')),
  Whitespace: () => by(new Pattern('\\w+|[^\\w\\s]+', 'words'), 'removed', true),
  WhitespaceSplit: fixed('\\s+', 'removed'),
  BertPreTokenizer: () => {
    const spaces = by(new Pattern('\\s+', 'words'), 'removed');
    const marked = by(new Pattern(punctuation, 'words'), 'isolated');
    return (text) => spaces(text).flatMap((word) => marked(word));
  },
  CharDelimiterSplit: (component) => {
    const delimiter = component.text('delimiter');
    return (text) => text.split(delimiter).filter((word) => word !== '');
  },
  Sequence: (component) => {
    const steps = component.list('pretokenizers').map((one) => componentOf(splitters, one, component.what));
    return (text) =>
      steps.reduce<readonly string[]>((words, step) => words.flatMap((word) => step(word)), [text]);
  },
};

/** Spaces as a letter, which begins words; one in front of all texts, the first or none. */
function metaspace(component: Component): Splitter {
  const letter = component.text('replacement', '\u2581');
  const usual = component.flag('add_prefix_space', true) ? 'always' : 'never';
  const scheme = component.text('prepend_scheme', usual);
  const splits = component.flag('split', true);
  if (!['always', 'first', 'never'].includes(scheme))
    throw component.wrong('prepend_scheme', 'always, first or never');
  return (given) => {
    let text = given.replaceAll(' ', letter);
    // The first text alone gets its space before it comes here.
    if (scheme === 'always' && text !== '' && !text.startsWith(letter)) text = letter + text;
    if (!splits) return [text];
    const words: string[] = [];
    let start = 0;
    for (let at = text.indexOf(letter, 1); at > 0; at = text.indexOf(letter, at + 1)) {
      words.push(text.slice(start, at));
      start = at;
    }
    words.push(text.slice(start));
    return words;
  };
}
