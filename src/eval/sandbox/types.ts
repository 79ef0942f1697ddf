/** What goes into the sandbox and what comes out of it. */

export interface Job {
  /** TypeScript or JavaScript that nobody has read. */
  readonly source: string;
  /** TypeScript that runs after it, in the same world, and throws if it is not content. */
  readonly tests?: string;
  /** Expressions whose values are wanted, one after the other. */
  readonly calls?: readonly string[];
  /** Looks at the syntax only and runs nothing. */
  readonly parseOnly?: boolean;
}

export type Outcome = { readonly value: unknown } | { readonly threw: string };

/** `syntax`: not TypeScript; `threw`: an error before the calls; `limit`: out of steps, memory or time. */
export type Verdict =
  | { readonly kind: 'done'; readonly outcomes: readonly Outcome[] }
  | { readonly kind: 'syntax' | 'threw' | 'limit'; readonly message: string };
