/** How the prompt that a model answers ended, where only the conversation is known. */
import { compileTemplate, renderTemplate } from '../chat/template.js';
import { givenMessages } from '../chat/variables.js';
import type { Template } from '../jinja/template.js';
import { isText, plain } from '../jinja/text.js';
import { Dict, orElse, type Value } from '../jinja/values.js';

const kept = 64;
const someone = new Dict([
  ['role', 'user'],
  ['content', 'Hi'],
]);

/** The last characters of the prompt; undefined where the template refuses the conversation. */
export function promptEndOf(
  request: Dict,
  source: string,
  compile: (source: string) => Template = compileTemplate,
): string | undefined {
  const given = request.get('prompt_end');
  if (given !== undefined && isText(given)) return plain(given);
  const variables = new Map<string, Value>([
    ['messages', givenMessages(orElse(request.get('messages'), [someone]))],
    ['tools', orElse(request.get('tools'), null)],
    ['documents', null],
    ['add_generation_prompt', true],
    ['bos_token', '<s>'],
    ['eos_token', '</s>'],
  ]);
  const thinking = request.get('enable_thinking');
  if (typeof thinking === 'boolean') variables.set('enable_thinking', thinking);
  try {
    return plain(renderTemplate(compile(source), variables)).slice(-kept);
  } catch {
    return undefined;
  }
}
