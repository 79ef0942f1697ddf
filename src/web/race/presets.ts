/** Beginnings that a small model of TypeScript can go on with. */
export const PRESETS: readonly { readonly name: string; readonly text: string }[] = [
  {
    name: 'A function',
    text: `/**
 * Returns the first element of an array.
 *
 * @param array The array to read from.
 * @returns The first element, or \`undefined\` if the array is empty.
 */
export function first<T>(array: readonly T[]): T | undefined {
`,
  },
  { name: 'An interface', text: 'export interface User {\n  id: number;\n' },
  {
    name: 'A class',
    text: '/** A queue with a limit. */\nexport class Queue<T> {\n  private items: T[] = [];\n\n',
  },
  { name: 'An import', text: "import { readFile } from 'node:fs/promises';\n\n/** Reads a JSON file. */\n" },
];
