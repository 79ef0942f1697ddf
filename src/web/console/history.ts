/** Conversations that outlive a reload: kept in this browser alone, the newest first. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { recall, remember } from '../storage.js';
import type { Turn } from './source.js';

export interface Chat {
  readonly id: string;
  readonly turns: readonly Turn[];
}

const most = 40;

export const newId = (): string => `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;

/** What is stored may come from another version of the page, or from nobody knows where: what does not fit is left out. */
function readChats(text: string | null): readonly Chat[] {
  try {
    const chats: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(chats) ? chats.filter(isChat) : [];
  } catch {
    return [];
  }
}

function isChat(value: unknown): value is Chat {
  const { id, turns } = (value ?? {}) as Partial<Chat>;
  return typeof id === 'string' && Array.isArray(turns) && turns.every(isTurn);
}

function isTurn(value: unknown): boolean {
  const { role, text, simulated } = (value ?? {}) as Partial<Turn>;
  return (role === 'user' || role === 'assistant') && typeof text === 'string' && Array.isArray(simulated);
}

const chats = signal<readonly Chat[]>(readChats(recall('chats')));
export const history: ReadonlySignal<readonly Chat[]> = chats;

function write(next: readonly Chat[]): void {
  chats.value = next;
  remember('chats', next.length === 0 ? null : JSON.stringify(next));
}

/** Keeps a conversation in front of the others; an empty one is forgotten. */
export function keepChat(chat: Chat): void {
  const others = chats.value.filter(({ id }) => id !== chat.id);
  write(chat.turns.length === 0 ? others : [chat, ...others].slice(0, most));
}

export function forgetChat(id: string): void {
  write(chats.value.filter((chat) => chat.id !== id));
}

/** The first words of a conversation. */
export function titleOf({ turns }: Chat): string {
  const text = (turns[0]?.text ?? '').trim().replace(/\s+/g, ' ');
  return text.length > 48 ? `${text.slice(0, 47)}…` : text;
}
