/** Errors in the form of llama.cpp's own routes, which differs from OpenAI's in its code and in what it says of a full context. */
import type { ErrorFormat } from '../http.js';

/** Its own routes; all others of its server are OpenAI's. */
export const llamaCppRoutes: ReadonlySet<string> = new Set(['/completion', '/completions', '/infill']);

export const llamaCppError: ErrorFormat = ({ facts }) => {
  const { status, type, message, overflow } = facts;
  if (overflow === undefined) return { error: { code: status, message, type } };
  const { tokens, context } = overflow;
  return {
    error: {
      code: status,
      message: `the request (${tokens} tokens) exceeds the available context size (${context} tokens), try increasing it`,
      type: 'exceed_context_size_error',
      n_prompt_tokens: tokens,
      n_ctx: context,
    },
  };
};
