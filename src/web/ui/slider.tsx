/** A slider over a list of sensible values: doublings are as easy to set as single steps. */
import { useId } from 'preact/hooks';

interface SliderProps {
  readonly label: string;
  readonly value: number;
  /** In rising order. */
  readonly steps: readonly number[];
  readonly show: (value: number) => string;
  readonly onChange: (value: number) => void;
}

export function Slider({ label, value, steps, show, onChange }: SliderProps) {
  const id = useId();
  const at = nearest(steps, value);
  return (
    <div class="slider">
      <label for={id}>{label}</label>
      <output for={id}>{show(value)}</output>
      <input
        id={id}
        type="range"
        min={0}
        max={steps.length - 1}
        value={at}
        aria-valuetext={show(value)}
        onInput={({ currentTarget }) => onChange(steps[Number(currentTarget.value)]!)}
      />
    </div>
  );
}

/** The place of the step nearest to a value from an address, by ratio. */
function nearest(steps: readonly number[], value: number): number {
  let best = 0;
  for (let i = 1; i < steps.length; i++) {
    if (Math.abs(Math.log(steps[i]! / value)) < Math.abs(Math.log(steps[best]! / value))) best = i;
  }
  return best;
}

/** 1, 2, 4 … and the values half-way between, from `min` to `max`. */
export function doublings(min: number, max: number, halves = false): number[] {
  const steps: number[] = [];
  for (let value = min; value <= max; value *= 2) {
    steps.push(value);
    if (halves && value * 1.5 < max) steps.push(value * 1.5);
  }
  return steps;
}

interface SelectProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly text: string }[];
  readonly onChange: (value: string) => void;
}

export function Select({ label, value, options, onChange }: SelectProps) {
  const id = useId();
  return (
    <div class="select">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        {options.map(({ value, text }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
