/** The ways to ask by name. */
import { openChatLine } from './chat.js';
import { openMsgpackLine, openTextLine } from './responses.js';
import type { LoadApi, OpenLine } from './types.js';

const LINES: Readonly<Record<LoadApi, OpenLine>> = {
  chat: openChatLine,
  'responses-ws': openTextLine,
  msgpack: openMsgpackLine,
};

export function openLineOf(api: LoadApi): OpenLine {
  return LINES[api];
}
