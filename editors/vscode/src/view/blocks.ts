/** A message in parts: prose, and code between fences. An open fence goes on to the end. */

export interface Block {
  readonly kind: 'prose' | 'code';
  readonly text: string;
}

export function blocksOf(text: string): Block[] {
  const parts = text.split(/^```[^\n]*\n?/m);
  return parts
    .map((part, i): Block => ({ kind: i % 2 === 0 ? 'prose' : 'code', text: part.replace(/\n$/, '') }))
    .filter((block) => block.text.trim() !== '');
}
