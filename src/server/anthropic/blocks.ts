/** What the messages of Anthropic's API are made of, checked, and the text that a model of text sees of it. */
import { z } from 'zod';
import { anyObject, list } from '../list.js';
import { leftOut } from '../road/parts.js';

const text = z.string();
export const textBlock = z.object({ type: z.literal('text'), text });
const toolUse = z.object({
  type: z.literal('tool_use'),
  id: text,
  name: text,
  input: anyObject,
});
/** Documents are read where they are text; of all else only the type is looked at. */
const documentBlock = z.object({
  type: z.literal('document'),
  title: text.nullish(),
  context: text.nullish(),
  source: z.object({
    type: text,
    data: z.unknown().optional(),
    content: z.union([text, list(z.object({ type: text, text: text.optional() }))]).optional(),
  }),
});
const searchResult = z.object({
  type: z.literal('search_result'),
  title: text,
  source: text,
  content: list(textBlock),
});
/** What a model thought before; its signature is not looked at. */
const thinkingBlock = z.object({ type: z.literal('thinking'), thinking: text });
const KNOWN: ReadonlySet<string> = new Set([
  'thinking',
  'text',
  'tool_use',
  'tool_result',
  'document',
  'search_result',
]);
/** Of a kind that is not read here, such as an image. */
const other = z.object({
  // Aborts, so that what is wrong with a known one is said in its own words.
  type: text.refine((type) => !KNOWN.has(type), { error: 'a block of this type lacks fields', abort: true }),
});

const resultBlock = z.union([z.discriminatedUnion('type', [textBlock, documentBlock, searchResult]), other]);
const toolResult = z.object({
  type: z.literal('tool_result'),
  tool_use_id: text,
  content: z.union([text, list(resultBlock)]).nullish(),
  is_error: z.boolean().nullish(),
});

export const block = z.union([
  z.discriminatedUnion('type', [thinkingBlock, textBlock, toolUse, toolResult, documentBlock, searchResult]),
  other,
]);

export type Block = z.infer<typeof block>;

/** Blocks that say nothing to the model, here or at the API's home. */
const SILENT: ReadonlySet<string> = new Set(['thinking', 'redacted_thinking', 'tool_use', 'tool_result']);

/** The text of a message or of a call's result. */
export function textOf(content: string | readonly Block[]): string {
  return typeof content === 'string' ? content : content.map(textOfBlock).join('');
}

function textOfBlock(given: Block): string {
  if ('text' in given) return given.text;
  if ('source' in given) {
    if (typeof given.source !== 'string') return documentText(given as z.infer<typeof documentBlock>);
    const { title, source, content } = given as z.infer<typeof searchResult>;
    return [`${title} (${source})`, ...content.map((part) => part.text)].join('\n');
  }
  return SILENT.has(given.type) ? '' : leftOut(given.type);
}

function documentText({ title, context, source }: z.infer<typeof documentBlock>): string {
  const head = [title, context].filter((line) => line != null && line !== '');
  if (source.type === 'text' && typeof source.data === 'string') return [...head, source.data].join('\n');
  if (source.type === 'content' && source.content !== undefined) {
    const body =
      typeof source.content === 'string'
        ? source.content
        : source.content.map((part) => part.text ?? leftOut(part.type)).join('');
    return [...head, body].join('\n');
  }
  return [...head, leftOut('document')].join('\n');
}
