/** What stands around thoughts and around the answer proper, by family. */

export interface Pair {
  readonly open: string;
  readonly close: string;
  /** Ends a thought whose close was left out. */
  readonly next?: string;
  /** The opening words are part of the thought. */
  readonly isSaid?: boolean;
  /** May also stand within an answer. */
  readonly isAnywhere?: boolean;
}

/** What thoughts stand between. */
export const thoughts: readonly Pair[] = [
  { open: '<think>', close: '</think>' },
  { open: '[THINK]', close: '[/THINK]' },
  { open: '<|START_THINKING|>', close: '<|END_THINKING|>' },
  { open: '<seed:think>', close: '</seed:think>' },
  { open: '<mm:think>', close: '</mm:think>' },
  { open: '<think:opensource>', close: '</think:opensource>' },
  { open: '<|think|>', close: '<|end|>' },
  { open: '<|channel>thought', close: '<channel|>', isAnywhere: true },
  { open: '<|open|>think<|sep|>', close: '<|close|>think<|sep|>', next: '<|open|>response<|sep|>' },
  { open: 'Here are my reasoning steps:', close: '[BEGIN FINAL RESPONSE]', isSaid: true },
];

/** Marks around the answer proper; only those that the template names. */
export const answerFrames: readonly string[] = [
  '<response>',
  '</response>',
  '<|START_RESPONSE|>',
  '<|END_RESPONSE|>',
  '<|START_TEXT|>',
  '<|END_TEXT|>',
  '[BEGIN FINAL RESPONSE]',
  '[END FINAL RESPONSE]',
  '<|begin|>assistant<|content|>',
  '<|content|>',
  '<|open|>response<|sep|>',
  '<|close|>response<|sep|>',
  '<|close|>message<|sep|>',
  '<|CHATBOT_TOKEN|>',
  '<|END_OF_TURN_TOKEN|>',
  '<|role_end|>',
  '<|channel>',
  '<channel|>',
  '>>>all\n',
];

/** Marks at the end of a prompt that what the model writes goes on behind. */
export const primers: readonly string[] = ['>>>'];
