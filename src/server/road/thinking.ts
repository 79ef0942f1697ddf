/** What clients say about thinking, as the variables that chat templates look at. */
import type { MessagesPrompt } from './tools.js';

type Variables = NonNullable<MessagesPrompt['variables']>;

export interface Thinking {
  /** How much, in words such as `none`, `low` and `high`. */
  readonly effort?: string | null | undefined;
  readonly isOn?: boolean | null | undefined;
  /** Variables as the client names them, which hold above all else. */
  readonly variables?: Variables | null | undefined;
}

/** A part of a prompt; nothing where the client says nothing. */
export function thinkingVariables({ effort, isOn, variables }: Thinking): Pick<MessagesPrompt, 'variables'> {
  const thinks = isOn ?? (effort == null ? null : effort !== 'none');
  const made: Variables = {
    ...(thinks !== null && { enable_thinking: thinks, thinking: thinks }),
    ...(effort != null && effort !== 'none' && { reasoning_effort: effort }),
    ...variables,
  };
  return Object.keys(made).length === 0 ? {} : { variables: made };
}
