/** Predict, run, explain: a guess before the knob is turned, an answer by doing, and a reaction to what it is. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { figure } from '../ui/format.js';
import { solve, solved } from './progress.js';

/** A number to guess. */
export interface Guess {
  readonly ask: string;
  readonly unit: string;
  /** What the simulator says; null while it has not. */
  readonly truth: number | null;
}

interface QuestionProps {
  readonly id: string;
  readonly isRight: boolean;
  /** Why what is set now is no answer, or not the best; null while the simulator works. */
  readonly wrong: string | null;
  readonly guess: Guess;
  /** One after another, on request. */
  readonly hints: readonly string[];
  /** Sets the figure to the answer. */
  onReveal(): void;
  readonly children: ComponentChildren;
  readonly answer: ComponentChildren;
}

/** A question that is answered with the figure; once it is, it stays solved and says why. */
export function Question({ id, isRight, wrong, guess, hints, onReveal, children, answer }: QuestionProps) {
  const [said, setSaid] = useState<number | null>(null);
  const [hinted, setHinted] = useState(0);
  const [reaction, setReaction] = useState<string | null>(null);
  const [isShown, setShown] = useState(false);
  const isSolved = solved.value.has(id);
  const isOver = isSolved || isShown;
  // A reaction is to what was set when it was asked for.
  const asked = useRef('');
  useEffect(() => {
    if (wrong !== asked.current) setReaction(null);
  }, [wrong]);
  // Set at once, and again when the simulator knows, since some answers wait for it and some are what it waits for.
  const isKnown = guess.truth !== null;
  const reveal = useRef(onReveal);
  reveal.current = onReveal;
  useEffect(() => {
    if (isShown) reveal.current();
  }, [isShown, isKnown]);
  const check = (): void => {
    if (isRight) solve(id);
    asked.current = wrong ?? '';
    setReaction(isRight ? null : (wrong ?? 'Wait for the figure.'));
  };
  return (
    <section class="question" data-solved={isSolved} data-right={isRight} aria-label="Question">
      <h2>{isSolved ? 'Solved' : 'Try it'}</h2>
      {said === null && !isOver ? (
        <GuessForm guess={guess} onSay={setSaid} />
      ) : (
        said !== null && <p class="said">Your guess: {withUnit(said, guess.unit)}.</p>
      )}
      <p>{children}</p>
      {!isOver && (
        <p class="actions">
          <button type="button" class="button primary" onClick={check}>
            This is my answer
          </button>
          {hinted < hints.length && (
            <button type="button" class="button" onClick={() => setHinted(hinted + 1)}>
              {hinted === 0 ? 'A hint' : 'Another hint'}
            </button>
          )}
          {hinted === hints.length && (
            <button type="button" class="button" onClick={() => setShown(true)}>
              Show me
            </button>
          )}
        </p>
      )}
      {!isOver && hints.slice(0, hinted).map((hint) => <p key={hint}>{hint}</p>)}
      <div role="status">
        {reaction !== null && !isOver && <p class="reaction">{reaction}</p>}
        {isOver && (
          <>
            {said !== null && guess.truth !== null && <p>{gradeOf(said, guess.truth, guess.unit)}</p>}
            <p class="answer">{answer}</p>
          </>
        )}
      </div>
    </section>
  );
}

function GuessForm({ guess, onSay }: { guess: Guess; onSay(value: number): void }) {
  const [text, setText] = useState('');
  const value = Number(text);
  return (
    <form
      class="guess"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() !== '' && Number.isFinite(value)) onSay(value);
      }}
    >
      <label>
        First guess: {guess.ask}
        <input
          type="number"
          min={0}
          step="any"
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <span class="unit">{guess.unit}</span>
      <button type="submit" class="button">
        Keep this guess
      </button>
    </form>
  );
}

const withUnit = (value: number, unit: string): string => `${figure(value)} ${unit}`.trim();

/** Three reactions to a guess: near, of the right size, far. */
export function gradeOf(said: number, truth: number, unit: string): string {
  const ratio = said > 0 && truth > 0 ? Math.max(said / truth, truth / said) : Number.POSITIVE_INFINITY;
  const both = `You guessed ${figure(said)}, and it is ${withUnit(truth, unit)}.`;
  if (ratio <= 1.15) return `${both} That is as good as one can guess.`;
  if (ratio <= 3) return `${both} The right size: what you left out is below.`;
  const times = Number.isFinite(ratio) ? `, ${figure(ratio)} times off` : '';
  return `${both} Far off${times}: something else decides here than you thought.`;
}
