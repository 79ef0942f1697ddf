/** The one thing of a lesson that can be turned; it stands in the address, so a link keeps it. */
import { readNumber, route, setParams } from '../state.js';

export function useKnob(
  name: string,
  steps: readonly number[],
  fallback: number,
): { readonly value: number; readonly set: (value: number) => void } {
  const min = steps[0]!;
  const max = steps.at(-1)!;
  const { value } = readNumber(route.value.params, { name, min, max, fallback, whole: true });
  const nearest = steps.reduce((best, step) =>
    Math.abs(step - value) < Math.abs(best - value) ? step : best,
  );
  return {
    value: nearest,
    set: (next) => setParams({ [name]: next === fallback ? undefined : String(next) }),
  };
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
