/** Lists of items by pages, as OpenAI's API gives them. */
import { z } from 'zod';
import type { Item } from './items.js';

export const listQuery = z.looseObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().optional(),
});

/** A page of items, which are given from the oldest to the newest. */
export function listed(
  all: readonly Item[],
  {
    limit,
    order,
    after,
  }: { readonly limit: number; readonly order: 'asc' | 'desc'; readonly after?: string | undefined },
) {
  const items = order === 'asc' ? all : [...all].reverse();
  const from = after === undefined ? 0 : items.findIndex((item) => item.id === after) + 1;
  const data = items.slice(from, from + limit);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: from + limit < items.length,
  };
}
