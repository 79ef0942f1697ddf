/** CodeMirror with what a mesh program needs: JavaScript, Tab indents, an error at its line. */
import { indentWithTab } from '@codemirror/commands';
import { javascript } from '@codemirror/lang-javascript';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { setDiagnostics } from '@codemirror/lint';
import { keymap } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { basicSetup, EditorView } from 'codemirror';

export interface Editor {
  text(): string;
  setText(text: string): void;
  /** Marks a line with what is wrong there; null takes the mark away. */
  mark(wrong: { readonly line: number; readonly message: string } | null): void;
  end(): void;
}

const THEME = EditorView.theme({
  '&': { height: '100%', fontSize: '0.8125rem', color: 'var(--text)', backgroundColor: 'var(--bg)' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5' },
  '.cm-gutters': { backgroundColor: 'var(--raised)', color: 'var(--muted)', border: '0' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--accent-soft)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '&.cm-focused': { outline: '2px solid var(--accent)' },
});

/** The hues of the page, for light and for dark. */
const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: 'light-dark(#7a2f78, #e08fbb)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'light-dark(#00694e, #35c49a)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'light-dark(#9a5300, #e69f00)' },
  { tag: tags.comment, color: 'var(--muted)', fontStyle: 'italic' },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], color: 'var(--accent)' },
]);

/** Puts an editor into `parent`; `onRun` is called for Ctrl+Enter. */
export function openEditor(
  parent: HTMLElement,
  text: string,
  onChange: (text: string) => void,
  onRun: () => void,
): Editor {
  const run = {
    key: 'Mod-Enter',
    run: (): boolean => {
      onRun();
      return true;
    },
  };
  const view = new EditorView({
    parent,
    doc: text,
    extensions: [
      keymap.of([run, indentWithTab]),
      basicSetup,
      javascript(),
      syntaxHighlighting(COLOURS),
      THEME,
      EditorView.contentAttributes.of({ 'aria-label': 'Program' }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) onChange(update.state.doc.toString());
      }),
    ],
  });
  // Its lines can be scrolled sideways with keys as well.
  view.scrollDOM.tabIndex = 0;
  return {
    text: () => view.state.doc.toString(),
    setText(next) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    mark(wrong) {
      const { doc } = view.state;
      const line = wrong === null || wrong.line > doc.lines ? null : doc.line(wrong.line);
      const found =
        wrong === null || line === null
          ? []
          : [{ from: line.from, to: line.to, severity: 'error' as const, message: wrong.message }];
      view.dispatch(setDiagnostics(view.state, found));
      if (line !== null) view.dispatch({ effects: EditorView.scrollIntoView(line.from, { y: 'center' }) });
    },
    end: () => view.destroy(),
  };
}
