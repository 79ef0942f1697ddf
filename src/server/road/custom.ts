/**
 * Tools that take a text of any form: the model knows them as functions of one string, `input`, and what it writes there
 * goes to the client as the text.
 */
import type { Tool } from './completion.js';

/** How the text of a custom tool should look, where its maker says so. */
export interface CustomFormat {
  readonly type: string;
  readonly syntax?: string | undefined;
  readonly definition?: string | undefined;
}

export function customTool(name: string, description: string | null, format: CustomFormat | null): Tool {
  const form =
    format?.type === 'grammar' && format.definition !== undefined
      ? `The input follows this ${format.syntax ?? ''} grammar:\n${format.definition}`
      : null;
  const said = [description, form].filter((part) => part !== null).join('\n\n');
  return {
    name,
    ...(said !== '' && { description: said }),
    parameters: {
      type: 'object',
      properties: { input: { type: 'string' } },
      required: ['input'],
      additionalProperties: false,
    },
  };
}

/** The arguments of the function that stand for a custom tool's text. */
export function customArguments(input: string): string {
  return JSON.stringify({ input });
}

/** The text that the arguments stand for; of arguments that were cut, what there is of it. */
export function customInput(text: string): string {
  try {
    const { input } = JSON.parse(text) as { readonly input?: unknown };
    if (typeof input === 'string') return input;
  } catch {
    // Cut at the limit of tokens.
  }
  return text;
}
