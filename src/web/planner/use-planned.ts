/** The planner's answer to what a view shows now; the last answer stays until the next one is there. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../../core/errors.js';
import type { PlanRequest } from '../../timing/planTypes.js';
import type { Planned } from './api.js';
import { ask } from './planner.js';

export interface Answer {
  readonly planned: readonly Planned[];
  /** The question has changed since. */
  readonly isStale: boolean;
  readonly problem: string | null;
}

export function usePlanned(model: string, machines: readonly string[], request: PlanRequest): Answer {
  const question = JSON.stringify([model, machines, request]);
  const [answer, setAnswer] = useState<{ question: string; planned: readonly Planned[] }>({
    question: '',
    planned: [],
  });
  const [problem, setProblem] = useState<string | null>(null);
  const asking = useRef(false);
  const wanted = useRef(question);
  wanted.current = question;
  useEffect(() => {
    if (asking.current || answer.question === question) return;
    asking.current = true;
    const [model, machines, request] = JSON.parse(question) as [string, string[], PlanRequest];
    ask((api) => api.plan(model, machines, request))
      .then(
        (planned) => {
          setAnswer({ question, planned });
          setProblem(null);
        },
        (error: unknown) => setProblem(messageOf(error)),
      )
      // What came meanwhile is asked now, and what came before that never.
      .finally(() => {
        asking.current = false;
      });
  }, [question, answer, problem]);
  return { planned: answer.planned, isStale: answer.question !== question, problem };
}
