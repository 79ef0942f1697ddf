/** The tools of OpenAI's chat API, checked, and as the server's own kind; with those of the time before, `functions`. */
import { z } from 'zod';
import { badRequest } from '../errors.js';
import { anyObject, list, mostTools } from '../list.js';
import type { Tool, ToolChoice } from '../road/completion.js';
import { customTool } from '../road/custom.js';

const text = z.string();
const functionName = text.regex(/^[\w-]{1,64}$/, 'expected up to 64 letters, digits, _ and -');
const functionFields = z.object({
  name: functionName,
  description: text.nullish(),
  parameters: anyObject.nullish(),
});
const customFields = z.object({
  name: functionName,
  description: text.nullish(),
  format: z
    .object({
      type: text,
      grammar: z.object({ syntax: text.optional(), definition: text }).optional(),
    })
    .nullish(),
});
const tool = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('function'), function: functionFields }),
    z.object({ type: z.literal('custom'), custom: customFields }),
  ],
  'only tools of the types function and custom are known here',
);

const named = z.object({ name: text });
const namedTool = z.union([
  z.object({ type: z.literal('function'), function: named }),
  z.object({ type: z.literal('custom'), custom: named }),
]);
const toolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    namedTool,
    z.object({
      type: z.literal('allowed_tools'),
      allowed_tools: z.object({ mode: z.enum(['auto', 'required']), tools: list(namedTool, { least: 1 }) }),
    }),
  ],
  'expected none, auto, required, a tool or allowed_tools',
);

export const toolFields = {
  tools: list(tool, { most: mostTools }).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  functions: list(functionFields, { most: mostTools }).nullish(),
  function_call: z.union([z.enum(['none', 'auto']), named], 'expected none, auto or a name').nullish(),
} as const;

type ToolFields = z.infer<z.ZodObject<typeof toolFields>>;

/** What a request says of tools. */
export interface ChatTools {
  readonly tools: readonly Tool[];
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
  /** Names of tools whose calls are texts. */
  readonly custom: ReadonlySet<string>;
  /** Whether the answer has to be a call. */
  readonly mustCall: boolean;
  /** Whether they came as `functions`, and a call goes back as `function_call`. */
  readonly isLegacy: boolean;
}

/** Throws an ApiError where a tool is asked for that is not among the tools. */
export function toChatTools(body: ToolFields): ChatTools {
  const isLegacy = (body.functions ?? []).length > 0;
  if (isLegacy && body.tools?.length) throw badRequest('Give tools or functions, not both.', 'functions');
  const custom = new Set<string>();
  const all = [
    ...(body.functions ?? []).map(toFunction),
    ...(body.tools ?? []).map((given) => {
      if (given.type === 'function') return toFunction(given.function);
      const { name, description, format } = given.custom;
      custom.add(name);
      return customTool(name, description ?? null, format ? { type: format.type, ...format.grammar } : null);
    }),
  ];
  const { tools, toolChoice } = chosen(body, all);
  const parallel = isLegacy ? false : body.parallel_tool_calls;
  return {
    tools,
    custom,
    isLegacy,
    mustCall: tools.length > 0 && toolChoice !== undefined && toolChoice !== 'auto' && toolChoice !== 'none',
    ...(toolChoice !== undefined && { toolChoice }),
    ...(typeof parallel === 'boolean' && { parallelToolCalls: parallel }),
  };
}

function toFunction({ name, description, parameters }: z.infer<typeof functionFields>): Tool {
  return {
    name,
    ...(description != null && { description }),
    ...(parameters != null && { parameters }),
  };
}

interface Chosen {
  readonly tools: readonly Tool[];
  readonly toolChoice?: ToolChoice;
}

function chosen({ tool_choice: choice, function_call: legacy }: ToolFields, tools: readonly Tool[]): Chosen {
  const find = (name: string, field: string): Tool => {
    const found = tools.find((tool) => tool.name === name);
    if (found !== undefined) return found;
    throw badRequest(`The function ${JSON.stringify(name.slice(0, 64))} is not among the tools.`, field);
  };
  if (choice == null) {
    if (legacy == null) return { tools };
    return {
      tools,
      toolChoice: typeof legacy === 'string' ? legacy : { name: find(legacy.name, 'function_call').name },
    };
  }
  if (typeof choice === 'string') {
    if (choice === 'required' && tools.length === 0)
      throw badRequest('A tool is required, but none is given.', 'tool_choice');
    return { tools, toolChoice: choice };
  }
  if (choice.type !== 'allowed_tools')
    return { tools, toolChoice: { name: find(nameOf(choice), 'tool_choice').name } };
  const { mode, tools: allowed } = choice.allowed_tools;
  return { tools: allowed.map((one) => find(nameOf(one), 'tool_choice')), toolChoice: mode };
}

function nameOf(given: z.infer<typeof namedTool>): string {
  return given.type === 'custom' ? given.custom.name : given.function.name;
}
