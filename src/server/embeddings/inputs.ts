/** What is to be embedded, in the forms of OpenAI's API and of llama.cpp's, which mixes texts and token ids. */
import { z } from 'zod';
import { badRequest } from '../errors.js';
import { isTokenId, list, mostTurns } from '../list.js';
import { type Input, mostInputs } from '../road/embed.js';

const text = z.string();
const textPart = z.object({ type: z.literal('text', 'this model reads text only'), text });
const one = z.union([
  text,
  list(z.union([z.int().min(0), text]), { least: 1, quick: isTokenId }),
  z.object({ prompt_string: text }),
  z.object({ content: list(textPart, { least: 1 }) }),
]);
export const embeddingInput = z.union(
  [one, list(one, { least: 1, most: mostTurns })],
  'expected a string, token ids, or a list of either',
);
type One = z.infer<typeof one>;

/** Throws an ApiError on too many inputs, and on empty ones. */
export function inputsOf(given: z.infer<typeof embeddingInput>, param: string): Input[] {
  // A list with an id in it is one input, any other is a list of them.
  const isMany = Array.isArray(given) && !given.some((part) => typeof part === 'number');
  const all: readonly One[] = isMany ? (given as readonly One[]) : [given as One];
  if (all.length > mostInputs) throw badRequest(`${param}: expected at most ${mostInputs} inputs`, param);
  const inputs = all.map(inputOf);
  const empty = inputs.findIndex(({ length }) => length === 0);
  if (empty < 0) return inputs;
  const what = inputs.length === 1 ? param : `${param}[${empty}]`;
  throw badRequest(`${what}: expected a text that is not empty`, what);
}

function inputOf(given: One): Input {
  if (typeof given === 'string' || Array.isArray(given)) return given;
  if ('prompt_string' in given) return given.prompt_string;
  return given.content.map((part) => part.text).join('');
}
