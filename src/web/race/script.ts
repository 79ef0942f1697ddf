/** What the lanes write: real texts of a small model, turn by turn and token by token, and how far a machine is in them. */
import made from './texts.json' with { type: 'json' };

export const MODES = ['chat', 'code', 'think', 'agent'] as const;
export type Mode = (typeof MODES)[number];

/** One request: what was asked, and its answer as tokens. A thought is written like an answer, but not meant for the reader. */
export interface Turn {
  readonly kind: 'answer' | 'thought';
  readonly ask: string;
  readonly seed: number;
  readonly tokens: readonly string[];
}

export type Script = readonly Turn[];

/** Who wrote the texts, and how to write them again. */
export const MADE = {
  model: made.model,
  file: made.file,
  licence: made.licence,
  command: made.command,
} as const;

export function scriptOf(mode: Mode): Script {
  // A JSON file's strings have no literal types; test/web/race.test.ts holds them to these.
  return made.modes[mode] as Script;
}

export const tokensOf = (script: Script): number =>
  script.reduce((sum, { tokens }) => sum + tokens.length, 0);

export const longestOf = (script: Script): number => Math.max(...script.map(({ tokens }) => tokens.length));

/** A speed: each turn waits for its first token, then the others come evenly. */
export interface Pace {
  readonly ttftMs: number;
  readonly tokensPerSecond: number;
}

function turnMs({ tokens }: Turn, { ttftMs, tokensPerSecond }: Pace): number {
  return ttftMs + (1000 * (tokens.length - 1)) / tokensPerSecond;
}

/** When the last token of the last turn is there. */
export function finishMs(script: Script, pace: Pace): number {
  return script.reduce((sum, turn) => sum + turnMs(turn, pace), 0);
}

export interface Place {
  /** The turn that is being written, or the last one. */
  readonly turn: number;
  /** Tokens of that turn. */
  readonly tokens: number;
  /** Tokens of all turns. */
  readonly total: number;
  readonly isDone: boolean;
}

/** How far a machine of that speed is after so many milliseconds. */
export function placeAt(script: Script, pace: Pace, ms: number): Place {
  let left = ms;
  let before = 0;
  for (const [turn, one] of script.entries()) {
    const takes = turnMs(one, pace);
    const count = one.tokens.length;
    const isLast = turn === script.length - 1;
    if (left < takes || isLast) {
      const due =
        left < pace.ttftMs ? 0 : 1 + Math.floor(((left - pace.ttftMs) * pace.tokensPerSecond) / 1000);
      const tokens = left >= takes ? count : Math.min(count, due);
      return { turn, tokens, total: before + tokens, isDone: isLast && left >= takes };
    }
    left -= takes;
    before += count;
  }
  return { turn: 0, tokens: 0, total: 0, isDone: true };
}
