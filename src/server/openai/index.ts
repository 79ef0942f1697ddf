/** The surface of OpenAI's chat and text completions, and what goes with it. */
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../context.js';
import { registerChat } from './chat.js';
import { registerModels } from './models.js';
import { registerText } from './text.js';
import { registerTokens } from './tokens.js';

export function registerOpenAi(app: FastifyInstance, context: ServerContext): void {
  registerChat(app, context);
  registerText(app, context);
  registerModels(app, context);
  registerTokens(app, context);
}
