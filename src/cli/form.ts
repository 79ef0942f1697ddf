/** `--format`, `--json-schema` and `--grammar`: the form that an answer is held to. */
import { type Command, Option } from 'commander';
import type { Grammar } from '../runtime/types.js';
import { usageError } from './failure.js';
import { readTextFile } from './text-file.js';

export interface FormFlags {
  readonly format?: 'json';
  readonly jsonSchema?: string;
  readonly grammar?: string;
}

export function addFormOptions(command: Command): Command {
  return command
    .addOption(new Option('--format <format>', 'hold the answer to JSON').choices(['json']))
    .option('--json-schema <schema|file>', 'hold the answer to a JSON schema, given itself or as a file')
    .option(
      '--grammar <ebnf|file>',
      'hold the answer to a grammar in EBNF (GBNF), given itself or as a file',
    );
}

/** The grammar that the flags ask for, or null. */
export async function grammarOf({ format, jsonSchema, grammar }: FormFlags): Promise<Grammar | null> {
  if ([format, jsonSchema, grammar].filter((flag) => flag !== undefined).length > 1) {
    throw usageError('give one of --format, --json-schema and --grammar');
  }
  if (jsonSchema !== undefined) {
    const isSchema = /^\s*(\{|true\s*$|false\s*$)/.test(jsonSchema);
    return { type: 'jsonSchema', schema: isSchema ? jsonSchema : await readTextFile(jsonSchema) };
  }
  if (grammar !== undefined)
    return { type: 'ebnf', text: grammar.includes('::=') ? grammar : await readTextFile(grammar) };
  return format === undefined ? null : { type: 'json' };
}
