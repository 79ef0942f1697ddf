/** Word problems in the style of GSM8K: the last number of the answer is compared. */
import type { Engine, Prompt } from '../../runtime/types.js';
import { complete, mapAtOnce } from '../generate.js';
import { mean } from '../pass-at-k.js';
import type { EvalOptions, Score } from '../types.js';
import type { Question } from './brought.js';

const maxTokens = 320;

export async function answerQuestions(
  engine: Engine,
  questions: readonly Question[],
  { signal, onProgress }: EvalOptions,
): Promise<Score[]> {
  const right = await mapAtOnce(
    questions,
    async ({ question, answer }) => {
      const { text } = await complete(engine, promptOf(engine, question), {
        maxTokens,
        temperature: 0,
        signal,
      });
      return Number(lastNumber(text) === lastNumber(answer));
    },
    onProgress,
  );
  return [{ metric: 'exact', value: mean(right), n: right.length }];
}

function promptOf({ tokenizer }: Engine, question: string): Prompt {
  if (tokenizer.chatTemplate === null) return `Question: ${question}\nAnswer:`;
  return [{ role: 'user', content: `${question}\nThink step by step, and end with "#### " and the number.` }];
}

/** The number after `####` where there is one, else the last number; null where there is none. */
export function lastNumber(text: string): number | null {
  const tail = text.includes('####') ? text.slice(text.lastIndexOf('####')) : text;
  const found = tail.replace(/(?<=\d),(?=\d{3})/g, '').match(/-?\d+(?:\.\d+)?/g);
  return found === null ? null : Number(found.at(-1));
}
