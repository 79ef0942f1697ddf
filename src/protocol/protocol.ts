/**
 * What goes over the wire of the Responses API, in both forms: JSON (Server-Sent Events and text frames of a WebSocket,
 * the official types) and MessagePack (binary frames under `waferflow.v1.msgpack`, see docs/protocol.md). Server, client
 * library and tests take their types from here.
 */

import type { MeasuredMs } from '../core/units.js';
import type { Simulated } from '../timing/local-run.js';

/** Subprotocol of the binary mode. */
export const binarySubprotocol = 'waferflow.v1.msgpack';
/** Subprotocol of the JSON form, for clients that have to name one; it is what is spoken without any, too. */
export const jsonSubprotocol = 'waferflow.v1.json';
/** Prefix of a subprotocol that carries an API key in base64url, for browsers, which cannot set headers. */
export const keySubprotocolPrefix = 'waferflow.key.';

/** Our own part of a `usage` object. */
export interface UsageExtension {
  /** On this machine. */
  readonly measured: {
    readonly queueMs: MeasuredMs;
    readonly ttftMs: MeasuredMs;
    readonly prefillMs: MeasuredMs;
    readonly decodeMs: MeasuredMs;
    readonly prefillTokensPerSecond: number;
    readonly decodeTokensPerSecond: number;
  };
  /** What other machines would take for the same tokens: simulated, nothing of it was measured. */
  readonly simulated: readonly Simulated[];
}

export type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'cancelled';
export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

export interface OutputLogprob {
  readonly token: string;
  readonly bytes: readonly number[];
  readonly logprob: number;
  readonly top_logprobs: readonly {
    readonly token: string;
    readonly bytes: readonly number[];
    readonly logprob: number;
  }[];
}

export interface OutputText {
  readonly type: 'output_text';
  readonly text: string;
  readonly annotations: readonly never[];
  readonly logprobs: readonly OutputLogprob[];
}

export interface OutputMessage {
  readonly id: string;
  readonly type: 'message';
  readonly status: ItemStatus;
  readonly role: 'assistant';
  readonly content: readonly OutputText[];
}

export interface OutputFunctionCall {
  readonly id: string;
  readonly type: 'function_call';
  readonly status: ItemStatus;
  readonly call_id: string;
  /** Of a tool in a namespace. */
  readonly namespace?: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** A call of a tool that takes a text of any form. */
export interface OutputCustomCall {
  readonly id: string;
  readonly type: 'custom_tool_call';
  readonly status: ItemStatus;
  readonly call_id: string;
  readonly namespace?: string;
  readonly name: string;
  readonly input: string;
}

export interface ReasoningText {
  readonly type: 'reasoning_text';
  readonly text: string;
}

export interface SummaryText {
  readonly type: 'summary_text';
  readonly text: string;
}

/** What the model thought in front of its answer. */
export interface OutputReasoning {
  readonly id: string;
  readonly type: 'reasoning';
  readonly status: ItemStatus;
  /** Where `reasoning.summary` asks for one: the thought itself, since nobody sums it up. */
  readonly summary: readonly SummaryText[];
  readonly content: readonly ReasoningText[];
  /** Where `include` asks for `reasoning.encrypted_content`: the same, for clients that send back nothing else. */
  readonly encrypted_content?: string;
}

export type OutputItem = OutputReasoning | OutputMessage | OutputFunctionCall | OutputCustomCall;

/** An input item as stored and listed: what the client sent, with an id. */
export interface InputItem {
  readonly id: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface ResponseUsage {
  readonly input_tokens: number;
  readonly input_tokens_details: { readonly cached_tokens: number; readonly cache_write_tokens: number };
  readonly output_tokens: number;
  readonly output_tokens_details: { readonly reasoning_tokens: number };
  readonly total_tokens: number;
  readonly waferflow: UsageExtension;
}

export interface ResponseError {
  readonly code: string;
  readonly message: string;
}

export interface FunctionTool {
  readonly type: 'function';
  readonly name: string;
  readonly description: string | null;
  readonly parameters: Readonly<Record<string, unknown>> | null;
  readonly strict: boolean;
}

export interface CustomTool {
  readonly type: 'custom';
  readonly name: string;
  readonly description: string | null;
  readonly format: {
    readonly type: string;
    readonly syntax?: string | undefined;
    readonly definition?: string | undefined;
  };
}

/** Tools under one name, such as those of an MCP server. */
export interface NamespaceTool {
  readonly type: 'namespace';
  readonly name: string;
  readonly description: string | null;
  readonly tools: readonly (FunctionTool | CustomTool)[];
}

export type ResponseTool = FunctionTool | CustomTool | NamespaceTool;

export type TextFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json_object' }
  | {
      readonly type: 'json_schema';
      readonly name: string;
      readonly description: string | null;
      readonly schema: Readonly<Record<string, unknown>>;
      readonly strict: boolean;
    };

/** The response object; every field of the official schema is there, `null` where it does not apply. */
export interface ResponseObject {
  readonly id: string;
  readonly object: 'response';
  /** Unix seconds. */
  readonly created_at: number;
  readonly completed_at: number | null;
  readonly status: ResponseStatus;
  readonly error: ResponseError | null;
  readonly incomplete_details: { readonly reason: IncompleteReason } | null;
  readonly instructions: string | null;
  readonly model: string;
  readonly output: readonly OutputItem[];
  readonly usage: ResponseUsage | null;
  readonly previous_response_id: string | null;
  readonly tools: readonly ResponseTool[];
  readonly tool_choice: unknown;
  readonly parallel_tool_calls: boolean;
  readonly text: { readonly format: TextFormat; readonly verbosity: 'low' | 'medium' | 'high' };
  readonly reasoning: { readonly effort: string | null; readonly summary: string | null };
  readonly temperature: number;
  readonly top_p: number;
  readonly presence_penalty: number;
  readonly frequency_penalty: number;
  readonly top_logprobs: number;
  readonly max_output_tokens: number | null;
  readonly max_tool_calls: number | null;
  readonly truncation: 'auto' | 'disabled';
  readonly store: boolean;
  readonly background: boolean;
  /** The one that it is kept in, if any. */
  readonly conversation?: { readonly id: string };
  readonly service_tier: 'default' | 'flex';
  readonly metadata: Readonly<Record<string, string>>;
  readonly safety_identifier: string | null;
  readonly prompt_cache_key: string | null;
  readonly user: string | null;
  readonly waferflow: ResponseExtension;
}

export type IncompleteReason = 'max_output_tokens' | 'steered' | 'cancelled';

/** What only this server says. */
export interface ResponseExtension {
  /** Parts of the request that were left out, e.g. `tools[3]: web_search`. */
  readonly ignored: readonly string[];
}

/** One streamed event; on a WebSocket with lanes it carries `stream_id` as well. */
export type ResponseEvent =
  | LifecycleEvent
  | QueuedEvent
  | ItemEvent
  | ContentPartEvent
  | TextDeltaEvent
  | TextDoneEvent
  | ArgumentsDeltaEvent
  | ReasoningDeltaEvent
  | ReasoningDoneEvent
  | SummaryPartEvent
  | SummaryDeltaEvent
  | SummaryDoneEvent
  | ArgumentsDoneEvent
  | CustomInputEvent
  | StreamErrorEvent;

interface Numbered {
  /** Counts the events of one response from 0. */
  readonly sequence_number: number;
}

export interface LifecycleEvent extends Numbered {
  readonly type:
    | 'response.created'
    | 'response.in_progress'
    | 'response.completed'
    | 'response.incomplete'
    | 'response.failed';
  readonly response: ResponseObject;
}

export interface QueuedEvent extends Numbered {
  readonly type: 'response.queued';
  readonly response: ResponseObject;
  /** Requests in front of this one. */
  readonly position: number;
}

export interface ItemEvent extends Numbered {
  readonly type: 'response.output_item.added' | 'response.output_item.done';
  readonly output_index: number;
  readonly item: OutputItem;
}

interface OfItem extends Numbered {
  readonly item_id: string;
  readonly output_index: number;
}

export interface ContentPartEvent extends OfItem {
  readonly type: 'response.content_part.added' | 'response.content_part.done';
  readonly content_index: number;
  readonly part: OutputText | ReasoningText;
}

export interface TextDeltaEvent extends OfItem {
  readonly type: 'response.output_text.delta';
  readonly content_index: number;
  readonly delta: string;
  readonly logprobs: readonly OutputLogprob[];
}

export interface TextDoneEvent extends OfItem {
  readonly type: 'response.output_text.done';
  readonly content_index: number;
  readonly text: string;
  readonly logprobs: readonly OutputLogprob[];
}

export interface ReasoningDeltaEvent extends OfItem {
  readonly type: 'response.reasoning_text.delta';
  readonly content_index: number;
  readonly delta: string;
}

export interface ReasoningDoneEvent extends OfItem {
  readonly type: 'response.reasoning_text.done';
  readonly content_index: number;
  readonly text: string;
}

export interface SummaryPartEvent extends OfItem {
  readonly type: 'response.reasoning_summary_part.added' | 'response.reasoning_summary_part.done';
  readonly summary_index: number;
  readonly part: SummaryText;
}

export interface SummaryDeltaEvent extends OfItem {
  readonly type: 'response.reasoning_summary_text.delta';
  readonly summary_index: number;
  readonly delta: string;
}

export interface SummaryDoneEvent extends OfItem {
  readonly type: 'response.reasoning_summary_text.done';
  readonly summary_index: number;
  readonly text: string;
}

export interface ArgumentsDeltaEvent extends OfItem {
  readonly type: 'response.function_call_arguments.delta';
  readonly delta: string;
}

export interface ArgumentsDoneEvent extends OfItem {
  readonly type: 'response.function_call_arguments.done';
  readonly name: string;
  readonly arguments: string;
}

/** The text of a custom call comes in one piece, once its call is whole. */
export type CustomInputEvent = OfItem &
  (
    | { readonly type: 'response.custom_tool_call_input.delta'; readonly delta: string }
    | { readonly type: 'response.custom_tool_call_input.done'; readonly input: string }
  );

export interface StreamErrorEvent extends Numbered {
  readonly type: 'error';
  readonly code: string | null;
  readonly message: string;
  readonly param: string | null;
}

/** A request on a socket that could not be taken, or a frame that made no sense; no response belongs to it. */
export interface RequestErrorEvent extends Numbered {
  readonly type: 'error';
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  readonly error: {
    readonly type: string;
    readonly code: string;
    readonly message: string;
    readonly param: string | null;
  };
  /** What HTTP would have said in headers, e.g. `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type SteerErrorCode =
  | 'response_not_found'
  | 'invalid_input'
  | 'too_many_pending_steers'
  | 'response_already_completed'
  | 'successor_creation_failed';

interface OfSteer {
  readonly id: string;
  readonly previous_response_id: string;
}

/** Answers to `response.steer`. */
export type SteerEvent =
  | (Numbered & { readonly type: 'response.steer.accepted'; readonly steer: OfSteer })
  | (Numbered & {
      readonly type: 'response.steer.pending';
      readonly steer: OfSteer;
      readonly reason: 'waiting_for_required_input';
      readonly required_input: readonly { readonly type: 'function_call_output'; readonly call_id: string }[];
    })
  | (Numbered & {
      readonly type: 'response.steer.failed';
      readonly steer: Partial<OfSteer> & { readonly previous_response_id: string; readonly input: unknown };
      readonly error: {
        readonly type: 'invalid_request_error';
        readonly code: SteerErrorCode;
        readonly message: string;
      };
    });

/** The limits of the caller's key, sent when a response is admitted. */
export interface RateLimitsEvent extends Numbered {
  readonly type: 'waferflow.rate_limits';
  /** As the `x-ratelimit-*` headers of HTTP. */
  readonly headers: Readonly<Record<string, string>>;
}

/** First thing on a socket that asked for a session: it can be gone on with after a cut. */
export interface SessionEvent {
  readonly type: 'waferflow.session';
  /** Secret: who has it and the key can take the session over. */
  readonly session: string;
  /** False when the session that was asked for is gone and this is a new one. */
  readonly resumed: boolean;
  /** How long a session without a socket is kept. */
  readonly grace_ms: number;
  /** Sent bytes that the server keeps: when the client has not said that it has them, no more are sent. */
  readonly window_bytes: number;
  /** Number of the last frame that came from the client. */
  readonly received: number;
}

export type ServerEvent = ResponseEvent | RequestErrorEvent | SteerEvent | RateLimitsEvent | SessionEvent;

/** What a client sends on a socket, in both forms; in the binary form `request` stands for the response. */
export type ClientEvent =
  | ({ readonly type: 'response.create' } & CreateFields)
  | { readonly type: 'response.steer'; readonly previous_response_id: string; readonly input: unknown }
  | {
      readonly type: 'response.cancel';
      readonly response_id?: string;
      readonly stream_id?: string;
      readonly request?: number;
    };

/** Fields of `response.create` beside those of `POST /v1/responses`. */
export interface CreateFields {
  readonly [field: string]: unknown;
  readonly stream_id?: string;
  /** False: only fill the caches. */
  readonly generate?: boolean;
  /** Binary form: a number that the client chose, above all before it; what answers it carries it. */
  readonly request?: number;
}

/**
 * A binary frame: its number in the session (0: not numbered, not repeated), the number of the last frame received from
 * the other side, then entries.
 */
export type ServerFrame = readonly [frame: number, received: number, ...entries: ServerEntry[]];
export type ClientFrame = readonly [frame: number, received: number, ...events: ClientEvent[]];

/** Kinds of entries in a server's frame. */
export const entryKind = { event: 0, text: 1, arguments: 2 } as const;

export type ServerEntry =
  /** Any event that is no delta; `request` 0 where it belongs to none. */
  | readonly [kind: typeof entryKind.event, request: number, event: unknown]
  /** Deltas of one item, the first of them with this sequence number, the others one after another. */
  | readonly [
      kind: typeof entryKind.text,
      request: number,
      sequence: number,
      item: number,
      texts: readonly string[],
      logprobs?: readonly (readonly OutputLogprob[])[],
    ]
  | readonly [
      kind: typeof entryKind.arguments,
      request: number,
      sequence: number,
      item: number,
      texts: readonly string[],
    ];

/** What is new of a response at its end, beside the output, which is what items and deltas have made. */
export type EndedResponse = Pick<
  ResponseObject,
  'status' | 'completed_at' | 'error' | 'incomplete_details' | 'usage'
>;

/** The response in `response.created` of the binary form: what the request said is not said back. */
export type BegunResponse = Pick<
  ResponseObject,
  'id' | 'created_at' | 'status' | 'model' | 'previous_response_id' | 'waferflow'
>;

/** What a client of the binary form knows of a response beside its output. */
export type BriefResponse = BegunResponse & EndedResponse;
