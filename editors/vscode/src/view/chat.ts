/** The script of the chat's page. What a model writes becomes text nodes only, never markup. */
import { blocksOf } from './blocks.js';
import type { FromView, ToView } from './messages.js';

declare function acquireVsCodeApi(): { postMessage(message: FromView): void };

const host = acquireVsCodeApi();
const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const log = byId('log');
const form = byId<HTMLFormElement>('form');
const box = byId<HTMLTextAreaElement>('box');
const send = byId<HTMLButtonElement>('send');
const stop = byId<HTMLButtonElement>('stop');

let said = '';
let answer: HTMLElement | null = null;

function line(className: string, text: string): HTMLElement {
  const element = document.createElement('p');
  element.className = className;
  element.textContent = text;
  log.append(element);
  return element;
}

function fill(element: HTMLElement, text: string): void {
  element.replaceChildren(
    ...blocksOf(text).map(({ kind, text: part }) => {
      const block = document.createElement(kind === 'code' ? 'pre' : 'p');
      block.textContent = part;
      return block;
    }),
  );
}

function setBusy(isBusy: boolean): void {
  send.hidden = isBusy;
  stop.hidden = !isBusy;
}

function take(message: ToView): void {
  switch (message.type) {
    case 'message': {
      const element = document.createElement('section');
      element.className = message.role;
      element.setAttribute('aria-label', message.role === 'user' ? 'You' : 'Answer');
      fill(element, message.text);
      log.append(element);
      answer = element;
      said = message.text;
      break;
    }
    case 'text':
      said += message.text;
      if (answer !== null) fill(answer, said);
      break;
    case 'facts':
      if (message.measured !== '') line('facts', `measured: ${message.measured}`);
      for (const each of message.simulated) line('facts', `simulated, ${each}`);
      break;
    case 'error':
      line('error', message.message).setAttribute('role', 'alert');
      break;
    case 'idle':
      setBusy(false);
      break;
    case 'quote':
      box.value = message.text;
      box.focus();
      box.setSelectionRange(0, 0);
      break;
    default:
      message satisfies never;
  }
  log.scrollTop = log.scrollHeight;
}

addEventListener('message', ({ data }: MessageEvent<ToView>) => take(data));
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = box.value.trim();
  if (text === '' || send.hidden) return;
  box.value = '';
  setBusy(true);
  host.postMessage({ type: 'ask', text });
});
box.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
stop.addEventListener('click', () => host.postMessage({ type: 'stop' }));
byId('clear').addEventListener('click', () => {
  log.replaceChildren();
  answer = null;
  host.postMessage({ type: 'clear' });
});
host.postMessage({ type: 'ready' });
