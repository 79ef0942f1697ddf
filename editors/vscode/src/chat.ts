/** The chat: a view whose page shows texts as texts, and the conversation behind it. */
import { Uri, type Webview, type WebviewView, type WebviewViewProvider } from 'vscode';
import { simulatedLines, speed } from './figures.js';
import type { Keeper } from './keeper.js';
import type { Facts } from './sources/source.js';
import type { FromView, ToView } from './view/messages.js';
import { pageOf } from './view/page.js';
import type { ChatMessage } from './waferflow.js';

export class ChatView implements WebviewViewProvider {
  private readonly folder: Uri;
  private readonly keeper: Keeper;
  private readonly onFacts: (facts: Facts) => void;
  private webview: Webview | null = null;
  private messages: ChatMessage[] = [];
  private running: AbortController | null = null;
  /** Of a selection, for the box that one types into; kept until the page is there. */
  private quoted: string | null = null;

  constructor(folder: Uri, keeper: Keeper, onFacts: (facts: Facts) => void) {
    this.folder = folder;
    this.keeper = keeper;
    this.onFacts = onFacts;
  }

  resolveWebviewView({ webview, onDidDispose }: WebviewView): void {
    this.webview = webview;
    webview.options = { enableScripts: true, localResourceRoots: [this.folder] };
    const uri = (...path: string[]): string =>
      webview.asWebviewUri(Uri.joinPath(this.folder, ...path)).toString();
    webview.html = pageOf({
      source: webview.cspSource,
      script: uri('dist', 'view.js'),
      style: uri('media', 'chat.css'),
    });
    webview.onDidReceiveMessage((message: FromView) => this.take(message));
    onDidDispose(() => {
      this.webview = null;
      this.running?.abort();
    });
  }

  /** Puts code into the box that one types into. */
  quote(code: string, language: string): void {
    this.quoted = `\n\`\`\`${language}\n${code}\n\`\`\`\n`;
    this.post({ type: 'quote', text: this.quoted });
  }

  private take(message: FromView): void {
    switch (message.type) {
      case 'ready':
        for (const { role, content } of this.messages) this.post({ type: 'message', role, text: content });
        if (this.quoted !== null) this.post({ type: 'quote', text: this.quoted });
        return;
      case 'ask':
        this.quoted = null;
        void this.answer(message.text);
        return;
      case 'stop':
        this.running?.abort();
        return;
      case 'clear':
        this.running?.abort();
        this.messages = [];
        return;
      default:
        message satisfies never;
    }
  }

  private async answer(text: string): Promise<void> {
    const asked: ChatMessage[] = [...this.messages, { role: 'user', content: text }];
    const running = new AbortController();
    this.running = running;
    this.messages = asked;
    this.post({ type: 'message', role: 'user', text });
    this.post({ type: 'message', role: 'assistant', text: '' });
    const source = await this.keeper.source();
    let said = '';
    try {
      if (source === null) throw new Error(this.whyNot());
      for await (const piece of source.chat(asked, running.signal)) {
        if (piece.kind === 'text') {
          said += piece.text;
          this.post({ type: 'text', text: piece.text });
        } else this.end(piece.facts);
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!running.signal.aborted) this.post({ type: 'error', message });
      if (source !== null && !running.signal.aborted) this.keeper.fail(error);
    }
    if (this.running === running) this.running = null;
    this.post({ type: 'idle' });
    // Not where it was cleared meanwhile.
    if (this.messages === asked) this.messages = [...asked, { role: 'assistant', content: said }];
  }

  private end(facts: Facts): void {
    this.onFacts(facts);
    this.post({
      type: 'facts',
      measured: speed(facts),
      simulated: simulatedLines(facts.simulated ?? []),
    });
  }

  private whyNot(): string {
    const { state } = this.keeper;
    return state.kind === 'failed' ? state.message : 'The settings have changed: ask again.';
  }

  private post(message: ToView): void {
    void this.webview?.postMessage(message);
  }
}
