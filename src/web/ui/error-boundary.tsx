/** A view that fails says what to do; it never leaves a blank page. */
import { Component, type ComponentChildren } from 'preact';
import { messageOf } from '../../core/errors.js';
import { Notice } from './notice.js';

interface Props {
  readonly children: ComponentChildren;
  /** Another key is another view: the error of the last one is forgotten. */
  readonly what: string;
}

export class ErrorBoundary extends Component<Props, { error: unknown }> {
  override state = { error: null as unknown };

  static override getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <Failure what={this.props.what} error={this.state.error} retry={() => this.setState({ error: null })} />
    );
  }
}

export function Failure({ what, error, retry }: { what: string; error: unknown; retry(): void }) {
  return (
    <div class="page">
      <h1>{what} stopped</h1>
      <Notice kind="bad">{messageOf(error)}</Notice>
      <p>
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>{' '}
        If that does not help, reload the page; the address keeps what you chose.
      </p>
    </div>
  );
}
