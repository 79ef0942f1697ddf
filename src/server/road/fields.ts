/** Fields that several APIs have, and those of other servers that bind and are not done here: they are refused. */
import { z } from 'zod';
import { badRequest } from '../errors.js';

/** Of 64 bits, signed or not; numbers beyond 2^53 have lost their last digits in JSON already. */
export const seedField = z
  .number()
  .refine((value) => Number.isInteger(value) && Math.abs(value) < 2 ** 64, 'expected an integer of 64 bits')
  .transform((value) => value % 2 ** 53);

/** Negative: all tokens, as other servers have it. */
export const topKField = z.int().transform((value) => Math.max(0, value));

/** Values that say nothing. */
const idle: ReadonlySet<unknown> = new Set([undefined, null, false, 0, '', -1]);

const REFUSED = [
  'min_tokens',
  'stop_token_ids',
  'include_stop_str_in_output',
  'truncate_prompt_tokens',
  'use_beam_search',
  'bad_words',
  'allowed_token_ids',
  'logits_processors',
  'xtc_probability',
  'dry_multiplier',
  'mirostat',
] as const;

/** What is refused where it binds; a list without entries does not. */
export const refusedFields = Object.fromEntries(
  REFUSED.map((name) => [name, z.unknown().optional()]),
) as Record<(typeof REFUSED)[number], z.ZodOptional<z.ZodUnknown>>;

/** Throws an ApiError for the first field that binds and is not known here. */
export function requireNoRefused(body: Partial<Record<(typeof REFUSED)[number], unknown>>): void {
  for (const name of REFUSED) {
    const value = body[name];
    if (idle.has(value) || (Array.isArray(value) && value.length === 0)) continue;
    throw badRequest(`\`${name}\` is not supported here: leave it out.`, name, 'unsupported_parameter');
  }
}
