/** From a checked body to what is asked of the engine, and the response object that it begins with. */

import type { InputItem, ResponseObject, TextFormat } from '../../protocol/protocol.js';
import type { EngineInfo, GenerateOptions, Grammar } from '../../runtime/types.js';
import { badRequest } from '../errors.js';
import { requireTurns } from '../list.js';
import type { CompletionPrompt, ServiceTier } from '../road/completion.js';
import { constraintOf } from '../road/constraint.js';
import { drawn } from '../road/drawing.js';
import { requireNoRefused } from '../road/fields.js';
import { thinkingVariables } from '../road/thinking.js';
import { firstThatFits } from '../road/truncate.js';
import type { CreateBody } from './body.js';
import { newId } from './ids.js';
import { type Item, inputItems, leadingSystem, type Shown, shownMessages } from './items.js';
import { type ClientTool, chosenTools, knownTools } from './tools.js';

/** One response to be made: fixed once it is built. */
export interface ResponseRequest {
  /** As `response.created` shows it. */
  readonly response: ResponseObject;
  readonly prompt: CompletionPrompt;
  readonly tier: ServiceTier;
  readonly options: GenerateOptions;
  /** This request's own items. */
  readonly input: readonly InputItem[];
  /** The conversation before them. */
  readonly history: readonly Item[];
  /** System messages at the start of the conversation that are shown as one. */
  readonly joined: number;
  /** The tools by the names that the model knows. */
  readonly clientTools: ReadonlyMap<string, ClientTool>;
  /** The checked body, which a successor inherits its settings from. */
  readonly body: CreateBody;
}

/** What the server knows and the body does not say. */
export interface RequestContext {
  /** The name that answers carry. */
  readonly model: string;
  readonly info: Pick<EngineInfo, 'sampling'>;
  /** The conversation that it is kept in. */
  readonly conversation: string | null;
  /** The items of `previous_response_id` or `conversation` and before. */
  readonly history: readonly Item[];
  /** System messages at the start of the history that are shown as one; null without a history. */
  readonly joined: number | null;
  /** The item that a reference means, or null. */
  readonly findItem: (id: string) => Item | null;
  /** Whether a prompt leaves room for an answer of so many tokens, if that is known. */
  readonly fits: (prompt: CompletionPrompt, maxOutputTokens: number | null) => Promise<boolean>;
}

/** Rejects with an ApiError with status 400 where the body asks for what cannot be done. */
export async function responseRequest(
  body: CreateBody,
  { model, info, conversation, history, joined: joinedBefore, fits, findItem }: RequestContext,
): Promise<ResponseRequest> {
  refuseUnsupported(body);
  const input = inputItems(body.input, findItem);
  const instructions = body.instructions ?? null;
  const known = knownTools(body.tools);
  const { tools, toolChoice } = chosenTools(body.tool_choice, known);
  const format = textFormat(body);
  const options = engineOptions(body, format, info);
  const tier: ServiceTier = body.service_tier === 'flex' ? 'batch' : 'interactive';
  const promptOf = ({ messages }: Shown): CompletionPrompt => ({
    kind: 'messages',
    messages,
    ...(tools.length > 0 && { tools, toolChoice }),
    parallelToolCalls: body.parallel_tool_calls ?? true,
    ...thinkingVariables({ effort: body.reasoning?.effort }),
  });
  requireTurns(history.length + input.length, 'input');
  requireCalls(history, input);
  const items = [...history, ...input];
  const joined = joinedBefore ?? leadingSystem(items);
  const shownFrom = (from: number): Shown =>
    shownMessages(instructions, items.slice(from), Math.max(0, joined - from));
  const fitsFrom = (from: number): Promise<boolean> =>
    fits(promptOf(shownFrom(from)), body.max_output_tokens ?? null);
  const from = body.truncation === 'auto' ? await firstThatFits(items.length - 1, fitsFrom) : 0;
  const shown = shownFrom(from);
  if (shown.messages.length === 0)
    throw badRequest('There is nothing to answer: give `input`.', 'input', 'missing_input');
  const response: ResponseObject = {
    id: newId('resp'),
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    completed_at: null,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    instructions,
    model,
    output: [],
    usage: null,
    previous_response_id: body.previous_response_id ?? null,
    tools: known.listed,
    tool_choice: body.tool_choice ?? 'auto',
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    text: { format, verbosity: body.text?.verbosity ?? 'medium' },
    reasoning: { effort: body.reasoning?.effort ?? null, summary: body.reasoning?.summary ?? null },
    temperature: options.temperature ?? 1,
    top_p: options.topP ?? 1,
    presence_penalty: options.presencePenalty ?? 0,
    frequency_penalty: options.frequencyPenalty ?? 0,
    top_logprobs: body.top_logprobs ?? 0,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    truncation: body.truncation ?? 'disabled',
    store: body.store ?? true,
    background: body.background === true,
    ...(conversation !== null && { conversation: { id: conversation } }),
    service_tier: tier === 'batch' ? 'flex' : 'default',
    metadata: body.metadata ?? {},
    safety_identifier: body.safety_identifier ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    user: body.user ?? null,
    waferflow: { ignored: [...shown.ignored, ...known.ignored] },
  };
  return {
    response,
    prompt: fillIn(body) ?? promptOf(shown),
    tier,
    options,
    input,
    history,
    joined,
    clientTools: known.byName,
    body,
  };
}

/** The prompt of a body with a `suffix`, which goes with plain text alone and may be empty; null without one. */
function fillIn({ input, suffix, ...body }: CreateBody): CompletionPrompt | null {
  if (suffix === undefined || suffix === null) return null;
  const beside = (['instructions', 'previous_response_id', 'tools'] as const).find((name) => body[name]);
  if (typeof input !== 'string' || beside !== undefined)
    throw badRequest(
      `\`suffix\` goes with an \`input\` of text and no ${beside ?? 'items'}: leave out one of them.`,
      'suffix',
    );
  return suffix === '' ? { kind: 'text', text: input } : { kind: 'infill', prefix: input, suffix };
}

/** An output without its call means that the client has mixed something up. */
function requireCalls(history: readonly Item[], input: readonly InputItem[]): void {
  const called = new Set<unknown>();
  for (const item of [...history, ...input])
    if ('call_id' in item && item.type.endsWith('call')) called.add(item.call_id);
  const index = input.findIndex(({ type, call_id }) => type.endsWith('_call_output') && !called.has(call_id));
  if (index < 0) return;
  const id = JSON.stringify(input[index]?.call_id);
  throw badRequest(
    `No tool call found for function call output with call_id ${id}.`,
    `input[${index}].call_id`,
  );
}

function refuseUnsupported(body: CreateBody): void {
  if (body.background === true && body.store === false)
    throw badRequest('A response in the background has to be stored.', 'background');
  if (body.conversation && body.previous_response_id)
    throw badRequest('Give conversation or previous_response_id, not both.', 'conversation');
  if (body.prompt !== undefined && body.prompt !== null)
    throw badRequest(
      '`prompt` is not supported: send the items as `input`.',
      'prompt',
      'unsupported_parameter',
    );
}

/** How the API draws where nothing is said. */
const apiSampling = { temperature: 1, topP: 1, presencePenalty: 0, frequencyPenalty: 0 } as const;

function engineOptions(body: CreateBody, format: TextFormat, info: RequestContext['info']): GenerateOptions {
  const wantsLogprobs = body.include?.includes('message.output_text.logprobs') ?? false;
  const logprobs = wantsLogprobs || (body.top_logprobs ?? 0) > 0 ? (body.top_logprobs ?? 0) : undefined;
  requireNoRefused(body);
  const grammar = constraintOf(body, grammarOf(format));
  const maxTokens = body.max_output_tokens ?? info.sampling.maxTokens;
  return drawn(info, apiSampling, {
    ...(typeof body.temperature === 'number' && { temperature: body.temperature }),
    ...(typeof body.top_p === 'number' && { topP: body.top_p }),
    ...(typeof body.presence_penalty === 'number' && { presencePenalty: body.presence_penalty }),
    ...(typeof body.frequency_penalty === 'number' && { frequencyPenalty: body.frequency_penalty }),
    ...(typeof body.top_k === 'number' && { topK: body.top_k }),
    ...(body.seed !== undefined && body.seed !== null && { seed: body.seed }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(body.ignore_eos === true && { ignoreEos: true }),
    ...(logprobs !== undefined && { logprobs }),
    ...(grammar !== null && { grammar }),
  });
}

function grammarOf(format: TextFormat): Grammar | null {
  if (format.type === 'json_object') return { type: 'json' };
  if (format.type === 'json_schema') return { type: 'jsonSchema', schema: JSON.stringify(format.schema) };
  return null;
}

function textFormat(body: CreateBody): TextFormat {
  const format = body.text?.format ?? { type: 'text' as const };
  if (format.type !== 'json_schema') return { type: format.type };
  const { type, name, description, schema, strict } = format;
  return { type, name, description: description ?? null, schema, strict: strict ?? false };
}
