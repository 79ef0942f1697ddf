/**
 * SentencePiece-style BPE as llama.cpp runs it for tokenizer model `llama`: the pair whose merged text is the token
 * with the best score goes first; what is no token in the end becomes byte tokens.
 */
import { mergePairs } from './merge-pairs.js';
import { tokenKind, type Vocabulary } from './vocabulary.js';

/** What SentencePiece writes for a space. */
export const metaSpace = '\u2581';

const utf8 = new TextEncoder();

export class SentencePiece {
  private readonly idOf: ReadonlyMap<string, number>;
  private readonly scores: Float32Array;
  /** The token of each byte, the unknown token where it is missing, -1 where that is missing too. */
  private readonly byteIds: readonly number[];

  constructor({ idOf, kinds, scores, unknownId }: Vocabulary) {
    // Text never merges into a control token: that would let a prompt forge one.
    const merging = new Set<number>([tokenKind.normal, tokenKind.userDefined, tokenKind.unused]);
    this.idOf = new Map([...idOf].filter(([, id]) => merging.has(kinds[id]!)));
    this.scores = scores;
    this.byteIds = Array.from({ length: 256 }, (_, byte) => {
      const name = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
      return idOf.get(name) ?? unknownId ?? -1;
    });
  }

  /** Appends the ids of `text`, in which spaces already are {@link metaSpace}. */
  encode(text: string, ids: number[]): void {
    const pieces = mergePairs(text, (start, _, end) => {
      const id = this.idOf.get(text.slice(start, end));
      return id === undefined ? undefined : this.scores[id];
    });
    for (const piece of pieces) {
      const id = this.idOf.get(piece);
      const pieceIds =
        id === undefined ? Array.from(utf8.encode(piece), (byte) => this.byteIds[byte]!) : [id];
      for (const pieceId of pieceIds) if (pieceId >= 0) ids.push(pieceId);
    }
  }
}
