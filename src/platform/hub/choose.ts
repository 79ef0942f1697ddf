/** Which of a repository's files is meant where none is named. */
import { OptionError } from '../../core/errors.js';
import { isWeightType } from '../../formats/tensor-types.js';
import type { HubReference } from './reference.js';

/** What files are named by, from the one that is taken first: small without a loss that is felt, then exact. */
const PREFERRED = [
  'Q4_K_M',
  'Q8_0',
  'Q4_0',
  'Q5_K_M',
  'Q4_K_S',
  'Q6_K',
  'Q5_0',
  'Q4_1',
  'F16',
  'BF16',
  'F32',
];

/** The tensor type that most of such a file is of: `Q4_K` of `Q4_K_M`. */
const tensorTypeOf = (name: string): string => name.replace(/_[SML]$/, '');

/** The name of the type in a file's name, in capitals; null where there is none. */
export function typeOfName(file: string): string | null {
  const types = file
    .toUpperCase()
    .match(/(?<![A-Z0-9])(UD-)?(I?Q\d+(_[A-Z0-9]+)*|TQ\d_0|BF16|F?P?16|F32|MXFP4)(?![A-Z0-9])/g);
  return types?.at(-1)?.replace(/^FP/, 'F').replace(/^16$/, 'F16') ?? null;
}

/**
 * The file that a reference without one means: of its type, or of the best type that runs here.
 * @throws OptionError that lists what is there
 */
export function chooseFile({ repository, type }: HubReference, files: readonly string[]): string {
  const models = files.filter(
    (file) => file.endsWith('.gguf') && !/mmproj|imatrix|-\d{5}-of-\d{5}\.gguf$/i.test(file),
  );
  const ofType = (wanted: string): string | undefined => models.find((file) => typeOfName(file) === wanted);
  const chosen =
    type === null
      ? (PREFERRED.filter((name) => isWeightType(tensorTypeOf(name)))
          .map(ofType)
          .find(Boolean) ??
        PREFERRED.map(ofType).find(Boolean) ??
        models[0])
      : ofType(type);
  if (chosen !== undefined) return chosen;
  const split = files.some((file) => /-\d{5}-of-\d{5}\.gguf$/.test(file));
  const there = models.map((file) => typeOfName(file) ?? file);
  throw new OptionError({
    what: `hf:${repository}`,
    given: type === null ? (split ? 'a model in several files' : 'no GGUF file') : `the type ${type}`,
    expected: there.length > 0 ? `one of ${there.join(', ')}` : 'a repository with a GGUF file that is whole',
    todo:
      there.length > 0
        ? `Write, for example, hf:${repository}:${there[0]}.`
        : 'Choose another one: many carry GGUF in their names.',
  });
}
