/** A function to write: what the model is given, what would be right, and the calls that tell. */

/** A call as an expression, and what it must give: a JSON value, or `throws` for an error. */
export type Check = readonly [call: string, expected: unknown];

/** Stands for "this call must throw" where a value would stand. */
export const throws = Symbol('throws');

export interface Task {
  readonly name: string;
  /** Ends after the brace that opens the body. */
  readonly prompt: string;
  /** The rest of the function, to its closing brace. */
  readonly solution: string;
  readonly checks: readonly Check[];
}

/** A task from its doc comment, its signature without `function`, its body without indentation, and its checks. */
export function task(doc: string, signature: string, body: string, checks: readonly Check[]): Task {
  const indented = body.split('\n').map((line) => (line === '' ? line : `  ${line}`));
  return {
    name: /^\w+/.exec(signature)![0],
    prompt: `/** ${doc} */\nexport function ${signature} {\n`,
    solution: `${indented.join('\n')}\n}\n`,
    checks,
  };
}
