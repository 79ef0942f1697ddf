/** What clients of each API say about thinking reaches the chat template as its variables. */
import { expect, it } from 'vitest';
import { promptOf as anthropicPrompt } from '#src/server/anthropic/request.js';
import { chatPrompt } from '#src/server/ollama/request.js';
import { thinkingVariables } from '#src/server/road/thinking.js';
import { messagesForTemplate } from '#src/server/road/tools.js';

const messages = [{ role: 'user' as const, content: 'Hi' }];

it('turns switches and efforts into variables, below those that a client names itself', () => {
  expect(thinkingVariables({})).toEqual({});
  expect(thinkingVariables({ effort: 'none' })).toEqual({
    variables: { enable_thinking: false, thinking: false },
  });
  expect(thinkingVariables({ effort: 'high' })).toEqual({
    variables: { enable_thinking: true, thinking: true, reasoning_effort: 'high' },
  });
  expect(thinkingVariables({ isOn: true, variables: { thinking: false, x: 1 } })).toEqual({
    variables: { enable_thinking: true, thinking: false, x: 1 },
  });
});

it('reads the switches of Anthropic and Ollama', () => {
  const off = { enable_thinking: false, thinking: false };
  expect(anthropicPrompt({ model: 'm', messages, thinking: { type: 'disabled' } })).toMatchObject({
    variables: off,
  });
  expect(chatPrompt({ model: 'm', messages, think: false } as never)).toMatchObject({ variables: off });
  expect(chatPrompt({ model: 'm', messages, think: 'low' } as never)).toMatchObject({
    variables: { reasoning_effort: 'low' },
  });
});

it("gives the template the variables and earlier turns' thoughts", () => {
  const prompt = {
    kind: 'messages',
    messages: [...messages, { role: 'assistant', content: 'Hello', reasoning: 'hm' }, ...messages],
    variables: { enable_thinking: false },
  } as const;
  for (const template of ['{{ tools }}', '{{ messages }}']) {
    const given = messagesForTemplate(template, prompt);
    expect(given.variables).toEqual({ enable_thinking: false });
    expect(given.messages[1]).toMatchObject({ content: 'Hello', reasoning_content: 'hm' });
  }
});
