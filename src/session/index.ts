/** `waferflow/chat`: conversations with a model in this process; re-exports only. */

export type * from './chat-session.js';
export { ChatSession } from './chat-session.js';
export type * from './turn.js';
export { answer } from './turn.js';
