/**
 * Tokens that have a role by their text, because model files often forget to name them or to mark them as control tokens:
 * data, the same that llama.cpp goes by.
 */

/** Tokens that end a turn or a text. */
export const endTexts: ReadonlySet<string> = new Set([
  ...[
    '<|eot_id|>',
    '<|eom_id|>',
    '<|im_end|>',
    '<|end|>',
    '<|return|>',
    '<|call|>',
    '<|flush|>',
    '<|calls|>',
  ],
  ...['<end_of_turn>', '<|endoftext|>', '<|end_of_text|>', '</s>', '<EOT>', '_<EOT>', '[EOT]', '[EOS]'],
  ...['<end_of_utterance>', '<eos>', '<turn|>', '<|tool_response>', '<｜end▁of▁sentence｜>', '[e~['],
]);

/** Tokens of fill-in-the-middle by role, the first that is there counts; those of the last three end a text too. */
export const fimTexts = {
  prefix: [
    ...['<|fim_prefix|>', '<fim-prefix>', '<fim_prefix>', '<｜fim▁begin｜>', '<PRE>', '▁<PRE>'],
    ...['<|code_prefix|>', '<|prefix|>'],
  ],
  suffix: [
    ...['<|fim_suffix|>', '<fim-suffix>', '<fim_suffix>', '<｜fim▁hole｜>', '<SUF>', '▁<SUF>'],
    ...['<|code_suffix|>', '<|suffix|>'],
  ],
  middle: [
    ...['<|fim_middle|>', '<fim-middle>', '<fim_middle>', '<｜fim▁end｜>', '<MID>', '▁<MID>'],
    ...['<|code_middle|>', '<|middle|>'],
  ],
  padding: ['<|fim_pad|>', '<fim-pad>', '<fim_pad>', '<PAD>', '[PAD]'],
  repository: ['<|fim_repo|>', '<|repo_name|>', '<fim-repo>', '<REPO>', '<reponame>'],
  file: ['<|file_sep|>'],
} as const;

export type FimRole = keyof typeof fimTexts;

/** The metadata keys of these roles, the older one behind. */
export const fimKeys: Readonly<Record<FimRole, readonly string[]>> = {
  prefix: ['fim_pre_token_id', 'prefix_token_id'],
  suffix: ['fim_suf_token_id', 'suffix_token_id'],
  middle: ['fim_mid_token_id', 'middle_token_id'],
  padding: ['fim_pad_token_id'],
  repository: ['fim_rep_token_id'],
  file: ['fim_sep_token_id'],
};

/** Parts of a conversation that are to be seen in the answer of gpt-oss, though its files call them control tokens. */
export const shownTexts: ReadonlySet<string> = new Set([
  '<|channel|>',
  '<|message|>',
  '<|start|>',
  '<|constrain|>',
]);

/** Where all of `with` end a text, `token` does not: `<|end|>` ends a part of an answer, or `</s>` is plain text. */
export const endExceptions: readonly {
  readonly token: string;
  readonly with: readonly string[];
  readonly plain: boolean;
}[] = [
  { token: '<|end|>', with: ['<|return|>', '<|call|>'], plain: false },
  { token: '<|end|>', with: ['<|return|>', '<|calls|>'], plain: false },
  { token: '<|end|>', with: ['<|call|>', '<|flush|>'], plain: false },
  { token: '<|end|>', with: ['<|calls|>', '<|flush|>'], plain: false },
  { token: '</s>', with: ['<|tool_response>'], plain: true },
  { token: '</s>', with: ['<|plamo:eos|>'], plain: true },
];
