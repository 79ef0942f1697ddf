/** Where a number comes from, and how much it can be trusted. The weakest input's tag follows every result. */

/** From the strongest to the weakest: `fitted` says in its source what it was fitted to. */
export const TAGS = ['measured', 'published', 'derived', 'fitted', 'guessed'] as const;

export type Tag = (typeof TAGS)[number];

/** A number of the simulated world; its unit stands in the name of the field that holds it. */
export interface Constant {
  readonly value: number;
  readonly tag: Tag;
  /** A public source, or the arithmetic that leads to the value. */
  readonly source: string;
}

/** The weakest of the tags; `measured` when there are none. */
export function weakest(tags: Iterable<Tag>): Tag {
  let worst = 0;
  for (const tag of tags) worst = Math.max(worst, TAGS.indexOf(tag));
  return TAGS[worst]!;
}
