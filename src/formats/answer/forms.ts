/** The forms in which models write calls: what one begins with, and what reads it from there. */
import { type CallableTool, callsOfJson, isObject, parsed, type ReadCall } from './call.js';
import { type Cursor, Unfinished } from './cursor.js';
import { gemmaCall } from './gemma-calls.js';
import { pythonCalls } from './python-calls.js';
import { tagCall } from './tag-calls.js';
import { xmlCall } from './xml-calls.js';

/** Calls from behind the mark on; null where there are none, and then the mark is text. */
type Read = (cursor: Cursor, tools: readonly CallableTool[]) => readonly ReadCall[] | null;

/** Ends in front of the brace that opens the arguments; what follows that is a member or the end, or it is no JSON. */
export interface CallHead {
  readonly pattern: RegExp;
  /** The arguments are a member of an object that also ends. */
  readonly isMember: boolean;
}

export interface CallForm {
  readonly open: string;
  readonly read: Read;
  /** What a call begins with up to its arguments, where these can be passed on while they are written. */
  readonly heads?: readonly CallHead[];
  /** Text that a call may begin with is part of it. */
  readonly keepsOpen?: boolean;
  /** Its mark is an ordinary word: only for templates that speak of it. */
  readonly isRare?: boolean;
}

/** JSON, fenced or not. */
const json: Read = (cursor, tools) => {
  cursor.skipSpace();
  if ('```json'.startsWith(cursor.rest)) throw new Unfinished();
  cursor.match(/```(?:json)?\s*/y);
  const text = cursor.json();
  if (text === null) {
    if (cursor.isEnd) throw new Unfinished();
    return null;
  }
  return callsOfJson(text, tools);
};

/** Beginnings of what {@link tagForms} begin with. */
const unfinishedHeads = /^(?:<[^>]*|[\w.-]+\s*(?:<[^>]*)?|<\|open\|>call (?:(?!<\|sep\|>)[\s\S])*)$/;

/** A function in tags. */
const tags: Read = (cursor, tools) => {
  const call = tagCall(cursor.skipSpace(), tools);
  if (call !== null) return [call];
  if (cursor.isEnd || unfinishedHeads.test(cursor.rest)) throw new Unfinished();
  return null;
};

/** The first that reads calls. */
function either(...reads: readonly Read[]): Read {
  return (cursor, tools) => {
    const { at } = cursor;
    for (const read of reads) {
      cursor.at = at;
      const calls = read(cursor, tools);
      if (calls !== null) return calls;
    }
    return null;
  };
}

const python: Read = (cursor) => pythonCalls(cursor.skipSpace());

/** What stands between a mark and the arguments is no longer, in characters. */
const longestName = 300;

/** A name, marks, and a JSON object. */
function named(pattern: RegExp): Read {
  return (cursor) => {
    const mayCome = /^[^{}]*(?:\{\s*)?$/.test(cursor.rest) && cursor.rest.length < longestName;
    const match = cursor.skipSpace().match(pattern);
    if (match !== null) cursor.skipSpace().match(/```(?:json)?\s*/y);
    const args = match === null ? null : cursor.json();
    if (args === null && mayCome) throw new Unfinished();
    if (match === null || args === null || !isObject(parsed(args))) return null;
    const { name = '', id } = match.groups ?? {};
    return [{ name, arguments: args, ...(id !== undefined && { id }) }];
  };
}

const text = '"(?:[^"\\\\]|\\\\.)*"';
const jsonHead: CallHead = {
  pattern: new RegExp(
    `\\s*(?:\`\`\`(?:json)?\\s*)?\\{\\s*(?:"(?:id|type)"\\s*:\\s*${text}\\s*,\\s*)*"name"\\s*:\\s*"(?<name>[\\w.:/-]+)"\\s*,\\s*"(?:arguments|parameters)"\\s*:\\s*(?=\\{\\s*["}])`,
    'y',
  ),
  isMember: true,
};
const mistral = /\s*(?<name>[\w.-]+)(?:\[CALL_ID\](?<id>\w+))?(?:\[ARGS\])?\s*(?=\{\s*["}])/y;
const deepseek = /(?:function<｜tool▁sep｜>)?(?<name>[\w.-]+)(?:<｜tool▁sep｜>)?\s*(?=\{|```)/y;
const kimi =
  /\s*(?<id>(?:functions\.)?(?<name>[\w.-]+?)(?::\d+)?)\s*<\|tool_call_argument_begin\|>\s*(?=\{\s*["}])/y;
const solar = /\s*(?<id>\w+)<\|tool_call:name\|>(?<name>[\w.-]+)<\|tool_call:args\|>\s*(?=\{\s*["}])/y;
const functionary = /\s*(?!all\b)(?<name>[\w.-]+)\s*\n\s*(?=\{\s*["}])/y;
const plainHead = (pattern: RegExp): CallHead => ({ pattern, isMember: false });

/** In the order in which they are tried where two begin alike. */
const callForms: readonly CallForm[] = [
  { open: '<tool_call>', read: either(json, tags), heads: [jsonHead] },
  { open: '<tool_calls>', read: json, heads: [jsonHead] },
  { open: '<TOOLCALL>', read: json, heads: [jsonHead] },
  { open: '<seed:tool_call>', read: tags },
  { open: '<function=', read: tags, keepsOpen: true },
  { open: '<function name="', read: tags, keepsOpen: true },
  { open: '<invoke name="', read: tags, keepsOpen: true },
  { open: '<｜DSML｜invoke name="', read: tags, keepsOpen: true },
  { open: '<tool_call:opensource>', read: tags, keepsOpen: true },
  { open: '<|open|>call tool="', read: tags, keepsOpen: true },
  { open: ']<]minimax[>[<invoke name="', read: xmlCall },
  { open: '<|tool_call>', read: gemmaCall },
  { open: '<|message_sep|>\n\nfunction call<|role_sep|>', read: json, heads: [jsonHead] },
  { open: '<|function_call|>', read: json, heads: [jsonHead] },
  { open: '<|tool_call|>', read: json, heads: [jsonHead] },
  { open: '<|tool_call:begin|>', read: named(solar), heads: [plainHead(solar)] },
  { open: '[TOOL_CALLS]', read: either(json, named(mistral)), heads: [jsonHead, plainHead(mistral)] },
  { open: '<|tool_call_start|>', read: either(python, json) },
  { open: '<｜tool▁call▁begin｜>', read: named(deepseek) },
  { open: '<|tool_call_begin|>', read: named(kimi), heads: [plainHead(kimi)] },
  { open: '<|tools_prefix|>', read: json, heads: [jsonHead] },
  { open: '<|START_ACTION|>', read: json, heads: [jsonHead] },
  {
    open: '<|python_tag|>',
    read: either(json, (cursor, tools) => withoutCall(python(cursor, tools))),
    heads: [jsonHead],
  },
  { open: '```tool_code', read: python },
  { open: 'functools', read: json, isRare: true },
  { open: 'Action:', read: json, isRare: true },
  { open: '>>>', read: named(functionary), heads: [plainHead(functionary)], isRare: true },
];

/** Marks in front of the first call, which has a mark of its own. */
const framed: Read = (cursor, tools) => {
  const { rest } = cursor.skipSpace();
  const form = callForms.find(({ open, isRare }) => !isRare && rest.startsWith(open));
  if (form === undefined) {
    if (callForms.some(({ open }) => open.startsWith(rest))) throw new Unfinished();
    return null;
  }
  if (!form.keepsOpen) cursor.at += form.open.length;
  return form.read(cursor, tools);
};

const openFrames: readonly string[] = [
  '<minimax:tool_call>',
  '<｜DSML｜function_calls>',
  '<｜DSML｜tool_calls>',
  '<tool_calls:opensource>',
  '<|open|>tools<|sep|>',
  ']<]minimax[>[<tool_call>',
  '<|tool_calls|>',
  '<｜tool▁calls▁begin｜>',
  '<|tool_calls_section_begin|>',
];

/** Forms with a mark, and those marks that stand in front of them. */
export const markedForms: readonly CallForm[] = [
  ...callForms,
  ...openFrames.map((open) => ({ open, read: framed })),
];

/** Marks behind calls. */
export const callEnds: readonly string[] = [
  '</tool_call>',
  '</function>',
  '</tool_calls>',
  '</TOOLCALL>',
  '</seed:tool_call>',
  '</minimax:tool_call>',
  '</｜DSML｜function_calls>',
  '</｜DSML｜tool_calls>',
  '</tool_calls:opensource>',
  '<|close|>call<|sep|>',
  '<|close|>tools<|sep|>',
  ']<]minimax[>[</tool_call>',
  '<tool_call|>',
  '<|/tool_call|>',
  '<|tool_call:end|>',
  '<|tool_call_end|>',
  '<｜tool▁call▁end｜>',
  '<｜tool▁calls▁end｜>',
  '<|tool_calls_section_end|>',
  '<|tools_suffix|>',
  '<|END_ACTION|>',
  '```',
  ';',
  '<|eom_id|>',
];

/** Llama's built-in tools are written `name.call(...)`. */
function withoutCall(calls: readonly ReadCall[] | null): readonly ReadCall[] | null {
  return calls?.map(({ name, ...call }) => ({ ...call, name: name.replace(/\.call$/, '') })) ?? null;
}

/** Calls with no mark, where a line begins: JSON, fenced JSON, or Python in brackets. */
export const bareForms: readonly CallForm[] = [
  { open: '{', read: json, heads: [jsonHead], keepsOpen: true },
  { open: '[', read: either(json, python), keepsOpen: true },
  { open: '```json', read: json, heads: [jsonHead], keepsOpen: true },
];
