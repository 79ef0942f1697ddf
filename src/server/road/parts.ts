/** What stands in a turn where something was that a model of text cannot read: the conversation goes on without it. */

/** @param what as a client names it, e.g. `image` */
export function leftOut(what: string): string {
  return `(${what} left out: this model reads text only)`;
}
