/** What the extension and the chat's page say to each other. */

export type ToView =
  | { readonly type: 'message'; readonly role: string; readonly text: string }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'facts'; readonly measured: string; readonly simulated: readonly string[] }
  | { readonly type: 'error'; readonly message: string }
  | { readonly type: 'idle' }
  | { readonly type: 'quote'; readonly text: string };

export type FromView =
  | { readonly type: 'ready' }
  | { readonly type: 'ask'; readonly text: string }
  | { readonly type: 'stop' }
  | { readonly type: 'clear' };
