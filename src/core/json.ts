/** JSON from people: a syntax error says the line and column, which engines report differently or not at all. */
import { FormatError } from './errors.js';

/**
 * The value of a JSON text.
 *
 * @throws FormatError with file, line and column of the first error
 */
export function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const offset = errorOffset(text);
    const before = text.slice(0, offset).split('\n');
    throw new FormatError(
      {
        what: `${file}, line ${before.length}, column ${before.at(-1)!.length + 1}`,
        given: offset < text.length ? JSON.stringify(text.slice(offset, offset + 20)) : 'the end of the text',
        expected: 'valid JSON',
        todo: 'Correct the file at that place.',
      },
      { cause: error },
    );
  }
}

const TOKEN =
  /[\s\uFEFF]*(?:("(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)|([[\]{},:]))/uy;

type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma or end';

/** Offset of the first token that JSON does not allow; the text is known to have one. */
function errorOffset(text: string): number {
  const open: string[] = [];
  let expected: Expected = 'value';
  let end = 0;
  for (;;) {
    TOKEN.lastIndex = end;
    const match = TOKEN.exec(text);
    const start = match ? TOKEN.lastIndex - (match[1] ?? match[2] ?? match[3])!.length : skipSpace(text, end);
    const next: Expected | null = match && after(expected, open, match[1], match[2], match[3]);
    if (!next) return start;
    expected = next;
    end = TOKEN.lastIndex;
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && /\s/.test(text[at]!)) at++;
  return at;
}

/** What may follow a token; null where the token itself may not stand. `open` holds the open brackets. */
function after(
  expected: Expected,
  open: string[],
  string: string | undefined,
  scalar: string | undefined,
  mark: string | undefined,
): Expected | null {
  const wantsValue = expected === 'value' || expected === 'value or ]';
  const wantsKey = expected === 'key' || expected === 'key or }';
  if (string !== undefined) return wantsKey ? 'colon' : wantsValue ? 'comma or end' : null;
  if (scalar !== undefined) return wantsValue ? 'comma or end' : null;
  const inside = open.at(-1);
  switch (mark) {
    case '{':
    case '[':
      if (!wantsValue) return null;
      open.push(mark);
      return mark === '{' ? 'key or }' : 'value or ]';
    case '}':
    case ']':
      if (inside !== (mark === '}' ? '{' : '[')) return null;
      if (expected !== 'comma or end' && expected !== (mark === '}' ? 'key or }' : 'value or ]')) return null;
      open.pop();
      return 'comma or end';
    case ':':
      return expected === 'colon' ? 'value' : null;
    default:
      if (expected !== 'comma or end' || inside === undefined) return null;
      return inside === '{' ? 'key' : 'value';
  }
}
