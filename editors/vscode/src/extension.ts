/** The extension: suggestions while typing, the chat, the status item and the commands, over one source. */
import {
  type CancellationToken,
  commands,
  type ExtensionContext,
  InlineCompletionItem,
  type InlineCompletionItemProvider,
  languages,
  Range,
  type TextDocument,
  Uri,
  window,
  workspace,
} from 'vscode';
import { ChatView } from './chat.js';
import { Completer } from './completer.js';
import { Keeper } from './keeper.js';
import { openSource } from './open.js';
import { SOURCE_SETTINGS, settings } from './settings.js';
import type { Gap } from './sources/source.js';
import { Status } from './status.js';

const KEY = 'waferflow.apiKey';
const ENGINE = ['dist', 'engine', 'dist', 'src', 'platform', 'node', 'engine.js'];

export function activate(context: ExtensionContext): void {
  const { subscriptions, secrets, extensionUri } = context;
  const log = window.createOutputChannel('waferflow', { log: true });
  const status = new Status();
  let told = '';
  const keeper = new Keeper(
    async () =>
      openSource(settings(), (await secrets.get(KEY)) ?? null, Uri.joinPath(extensionUri, ...ENGINE).fsPath),
    (state) => {
      status.set(state, settings().enabled);
      if (state.kind === 'open') log.info(`Open: ${state.source.name}`);
      if (state.kind !== 'failed') return;
      log.error(state.message);
      if (told === state.message) return;
      told = state.message;
      void tell(state.message);
    },
  );
  const chat = new ChatView(extensionUri, keeper, (facts) => status.add(facts));
  const provider = suggestions(keeper, status, (line) => log.info(line));
  const command = (name: string, run: () => unknown): void => {
    subscriptions.push(commands.registerCommand(`waferflow.${name}`, run));
  };

  subscriptions.push(
    log,
    status,
    { dispose: () => keeper.close() },
    languages.registerInlineCompletionItemProvider({ pattern: '**' }, provider),
    window.registerWebviewViewProvider('waferflow.chat', chat, {
      webviewOptions: { retainContextWhenHidden: true },
    }),
    workspace.onDidChangeConfiguration((change) => {
      if (SOURCE_SETTINGS.some((name) => change.affectsConfiguration(name))) void reopen();
      else if (change.affectsConfiguration('waferflow')) status.set(keeper.state, settings().enabled);
    }),
  );
  command('toggle', () =>
    workspace.getConfiguration('waferflow').update('enabled', !settings().enabled, true),
  );
  command('restart', reopen);
  command('showLog', () => log.show());
  command('setKey', async () => {
    const key = await window.showInputBox({
      prompt: "The API key of the server; empty for none. It is kept with the editor's secrets.",
      password: true,
      ignoreFocusOut: true,
    });
    if (key === undefined) return;
    await (key === '' ? secrets.delete(KEY) : secrets.store(KEY, key));
    await reopen();
  });
  command('ask', async () => {
    const { activeTextEditor: editor } = window;
    await commands.executeCommand('waferflow.chat.focus');
    if (editor) chat.quote(editor.document.getText(editor.selection), editor.document.languageId);
  });

  async function reopen(): Promise<void> {
    told = '';
    await keeper.close();
    if (settings().enabled) await keeper.source();
  }
  async function tell(message: string): Promise<void> {
    const open = 'Open Settings';
    const chosen = await window.showWarningMessage(`waferflow: ${message}`, open, 'Show Log');
    if (chosen === open) await commands.executeCommand('workbench.action.openSettings', 'waferflow');
    else if (chosen !== undefined) log.show();
  }

  // Before the first key, so that it finds the model loaded.
  if (settings().enabled) void keeper.source();
}

function suggestions(
  keeper: Keeper,
  status: Status,
  log: (line: string) => void,
): InlineCompletionItemProvider {
  let asked: Keeper['state'] | null = null;
  let completer: Completer | null = null;
  return {
    async provideInlineCompletionItems(document, position, { selectedCompletionInfo: selected }, token) {
      const wanted = settings();
      if (!wanted.enabled || !serves(wanted.languages, document)) return [];
      const signal = signalOf(token);
      const source = await keeper.source();
      if (source === null || signal.aborted) return [];
      if (asked !== keeper.state || completer === null) {
        asked = keeper.state;
        completer = new Completer((request, stop) => source.fillIn(request, stop));
      }
      // With the list of completions open, the suggestion goes on from the entry chosen there.
      const range = selected?.range ?? new Range(position, position);
      try {
        const gap = gapAt(document, range, selected?.text ?? '');
        const auto = source.isSmall ? 'line' : 'always';
        const fillIn = wanted.fillIn === 'auto' ? auto : wanted.fillIn;
        const found = await completer.suggest(gap, { ...wanted, fillIn }, signal);
        if (found === null) return [];
        if (found.ms !== null) {
          status.latencies.add(found.ms);
          log(`Suggestion: ${found.ms.toFixed(1)} ms, ${found.facts?.tokens ?? 0} tokens`);
        }
        if (found.facts !== null) status.add(found.facts);
        if (found.text === '') return [];
        return [new InlineCompletionItem((selected?.text ?? '') + found.text, range)];
      } catch (error) {
        if (!signal.aborted) keeper.fail(error);
        return [];
      }
    },
  };
}

function serves(names: readonly string[], { languageId }: TextDocument): boolean {
  return names.includes('*') || names.includes(languageId);
}

function gapAt(document: TextDocument, { start, end }: Range, chosen: string): Gap {
  const text = document.getText();
  return {
    prefix: text.slice(0, document.offsetAt(start)) + chosen,
    suffix: text.slice(document.offsetAt(end)),
  };
}

function signalOf(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  token.onCancellationRequested(() => controller.abort());
  return controller.signal;
}
