/** Lists in bodies, which tell of their first wrong element alone: an issue takes hundreds of times its bytes. */
import { z } from 'zod';
import { badRequest } from './errors.js';
import { mostNames } from './gate/shape.js';

export interface ListBounds {
  readonly least?: number;
  /** Looked at before any element is. */
  readonly most?: number;
  /** Said of a list that is too short. */
  readonly tooFew?: string;
  /** Holds for most elements, which need no schema then: one takes a microsecond for each. */
  readonly quick?: (value: unknown) => boolean;
}

export const isText = (value: unknown): boolean => typeof value === 'string';

/** Elements of a list where nothing else is said. */
const mostElements = 1_000_000;

export function list<T>(
  element: z.ZodType<T>,
  { least = 0, most = mostElements, tooFew = `expected at least ${least}`, quick = never }: ListBounds = {},
) {
  return z.unknown().transform((value, ctx): T[] => {
    const wrong = (message: string): never => {
      ctx.issues.push({ code: 'custom', message, input: undefined });
      return z.NEVER;
    };
    if (!Array.isArray(value)) return wrong('Invalid input: expected array');
    if (value.length < least) return wrong(tooFew);
    if (value.length > most) return wrong(`expected at most ${most} elements`);
    const checked: T[] = new Array<T>(value.length);
    for (let i = 0; i < value.length; i++) {
      if (quick(value[i])) {
        checked[i] = value[i] as T;
        continue;
      }
      const result = element.safeParse(value[i]);
      if (!result.success) {
        const [issue] = result.error.issues;
        ctx.issues.push({ ...issue!, path: [i, ...issue!.path], input: undefined } as z.core.$ZodRawIssue);
        return z.NEVER;
      }
      checked[i] = result.data;
    }
    return checked;
  });
}

const never = (): boolean => false;

export const isTokenId = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** Ids of tokens, of whatever vocabulary. */
export function tokenIds(bounds: Omit<ListBounds, 'quick'> = {}) {
  return list(z.int().min(0), { ...bounds, quick: isTokenId });
}

/** An object with any names: nothing of it is copied. */
export const anyObject = z.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'Invalid input: expected an object',
);

/** Turns of a conversation, and tools: checking and rendering as many takes some ten milliseconds, in which nobody is served. */
export const mostTurns = 4_096;
export const mostTools = 1_000;

/** Throws an ApiError for a conversation of so many, what is kept of it included. */
export function requireTurns(count: number, param: string): void {
  if (count > mostTurns)
    throw badRequest(`The conversation has ${count} items, at most ${mostTurns}: begin a new one.`, param);
}

/** Pairs of a token and its bias, as many as names in an object. */
export const mostBiases = mostNames;
/** UTF-16 units of one stop string: each takes some hundred bytes while the answer runs. */
const mostStopLength = 512;
export const stopText = z
  .string()
  .min(1)
  .max(mostStopLength, `expected at most ${mostStopLength} characters`);
