/** Calls written with tags: a function, and each of its arguments between marks of their own. */
import { argumentValue, type CallableTool, isObject, objectText, parsed, type ReadCall } from './call.js';
import type { Cursor } from './cursor.js';

/** How a family writes them; in patterns the first group is a name. */
export interface TagForm {
  readonly function: RegExp;
  /** Ends a function. */
  readonly end: string;
  /** The second group, where there is one, is `true` or `string` where the value is a string. */
  readonly argument: RegExp;
  readonly argumentEnd: string;
}

const nameAttribute = 'name="([^"]+)"';

export const tagForms: readonly TagForm[] = [
  {
    function: /<function=([^>]+)>/y,
    end: '</function>',
    argument: /<parameter=([^>]+)>/y,
    argumentEnd: '</parameter>',
  },
  {
    function: new RegExp(`<function ${nameAttribute}>`, 'y'),
    end: '</function>',
    argument: new RegExp(`<param(?:eter)? ${nameAttribute}>`, 'y'),
    argumentEnd: '</param>',
  },
  {
    function: new RegExp(`<invoke ${nameAttribute}>`, 'y'),
    end: '</invoke>',
    argument: new RegExp(`<parameter ${nameAttribute}>`, 'y'),
    argumentEnd: '</parameter>',
  },
  {
    function: new RegExp(`<｜DSML｜invoke ${nameAttribute}>`, 'y'),
    end: '</｜DSML｜invoke>',
    argument: new RegExp(`<｜DSML｜parameter ${nameAttribute}(?: string="(true|false)")?>`, 'y'),
    argumentEnd: '</｜DSML｜parameter>',
  },
  {
    function: /([\w.-]+)\s*(?=<arg_key>|<\/tool_call>)/y,
    end: '</tool_call>',
    argument: /<arg_key>([^<]+)<\/arg_key>\s*<arg_value>/y,
    argumentEnd: '</arg_value>',
  },
  {
    function: /<tool_call:opensource>([\w.-]+)<tool_sep:opensource>/y,
    end: '</tool_call:opensource>',
    argument: /<arg_key:opensource>([^<]+)<\/arg_key:opensource>\s*<arg_value:opensource>/y,
    argumentEnd: '</arg_value:opensource>',
  },
  {
    function: /<\|open\|>call tool="([^"]+)"[^<]*<\|sep\|>/y,
    end: '<|close|>call<|sep|>',
    argument: /<\|open\|>argument key="([^"]+)"(?: type="(\w+)")?<\|sep\|>/y,
    argumentEnd: '<|close|>argument<|sep|>',
  },
];

/** One function with its arguments; null where none begins here. Throws Unfinished where it is not whole. */
export function tagCall(cursor: Cursor, tools: readonly CallableTool[]): ReadCall | null {
  for (const form of tagForms) {
    const name = cursor.match(form.function)?.[1]?.trim();
    if (name === undefined) continue;
    const tool = tools.find((one) => one.name === name);
    const json = cursor.skipSpace().json();
    if (json !== null) {
      cursor.eatSpaced(form.end);
      return isObject(parsed(json)) ? { name, arguments: json } : null;
    }
    const members: [string, string][] = [];
    while (!cursor.skipSpace().eat(form.end)) {
      const argument = cursor.match(form.argument);
      if (argument === null) {
        cursor.until(form.end);
        break;
      }
      const value = valueText(cursor, form.argumentEnd);
      const isString = argument[2] === undefined ? undefined : /^(?:true|string)$/.test(argument[2]);
      members.push([argument[1]!.trim(), argumentValue(value, argument[1]!.trim(), tool, isString)]);
    }
    return { name, arguments: objectText(members) };
  }
  return null;
}

/** What stands before a mark: without the line ends that it is set off with, or as it is in CDATA. */
function valueText(cursor: Cursor, end: string): string {
  if (cursor.eat('<![CDATA[')) {
    const value = cursor.until(']]>');
    cursor.until(end);
    return value;
  }
  const value = cursor.until(end);
  return value.startsWith('\n') ? value.slice(1).replace(/\n$/, '') : value;
}
