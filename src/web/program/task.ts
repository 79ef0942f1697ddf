/** What the exercises want: the size of the mesh, and what must lie in the outputs for given inputs. */

/** Numbers of a buffer. */
type Numbers = readonly number[];

export interface Task {
  readonly width: number;
  readonly height: number;
  readonly elements: number;
  readonly inputs: number;
  readonly outputs: number;
  /** A run has to be shorter than this; null: any will do. */
  readonly below: number | null;
  wanted(inputs: readonly Numbers[]): readonly Numbers[];
}

const sumOf = (inputs: readonly Numbers[]): number[] =>
  inputs[0]!.map((_, i) => inputs.reduce((sum, values) => sum + values[i]!, 0));

const GRID = { width: 6, height: 4 } as const;

export const TASKS = {
  reduce: {
    width: 16,
    height: 1,
    elements: 16,
    inputs: 16,
    outputs: 1,
    below: 100,
    wanted: (inputs) => [sumOf(inputs)],
  },
  deadlock: {
    width: 2,
    height: 1,
    elements: 64,
    inputs: 2,
    outputs: 2,
    below: null,
    wanted: ([left, right]) => [right!, left!],
  },
  stencil: {
    ...GRID,
    elements: 1,
    inputs: GRID.width * GRID.height,
    outputs: GRID.width * GRID.height,
    below: null,
    wanted: (inputs) =>
      inputs.map((_, i) => {
        const [x, y] = [i % GRID.width, Math.floor(i / GRID.width)];
        return [
          inputs.reduce((sum, values, j) => {
            const far = Math.abs((j % GRID.width) - x) + Math.abs(Math.floor(j / GRID.width) - y);
            return far <= 1 ? sum + values[0]! : sum;
          }, 0),
        ];
      }),
  },
  allreduce: {
    width: 16,
    height: 1,
    elements: 16,
    inputs: 16,
    outputs: 16,
    below: 110,
    wanted: (inputs) => inputs.map(() => sumOf(inputs)),
  },
} as const satisfies Readonly<Record<string, Task>>;

export type TaskName = keyof typeof TASKS;
