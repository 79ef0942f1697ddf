/** A worker's answer to what a view shows now; the last answer stays until the next one is there. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../../../core/errors.js';

export interface Asked<A> {
  readonly answer: A | null;
  /** The question has changed since. */
  readonly isStale: boolean;
  readonly problem: string | null;
}

/**
 * Asks again whenever the question, which is plain data, changes. One question is under way at a time: what comes
 * meanwhile is asked next, and what came before that never.
 */
export function useAsked<Q, A>(question: Q, ask: (question: Q) => Promise<A>): Asked<A> {
  const key = JSON.stringify(question);
  const [known, setKnown] = useState<{ key: string; answer: A | null; problem: string | null }>({
    key: '',
    answer: null,
    problem: null,
  });
  const asking = useRef<string | null>(null);
  const life = useRef(new AbortController());
  useEffect(() => () => life.current.abort(), []);
  useEffect(() => {
    if (asking.current !== null || known.key === key) return;
    asking.current = key;
    const settle = (change: { answer: A } | { problem: string }): void => {
      asking.current = null;
      if (!life.current.signal.aborted)
        setKnown((before) => ({ answer: before.answer, problem: null, ...change, key }));
    };
    ask(JSON.parse(key) as Q).then(
      (answer) => settle({ answer }),
      (error: unknown) => settle({ problem: messageOf(error) }),
    );
  }, [key, known]);
  return { answer: known.answer, problem: known.problem, isStale: known.key !== key };
}
