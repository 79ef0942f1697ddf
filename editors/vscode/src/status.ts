/** The status item: tokens a second of the last answer, and in its tooltip what a wafer would take for it. */
import { MarkdownString, StatusBarAlignment, type StatusBarItem, ThemeColor, window } from 'vscode';
import { simulatedLines, speed } from './figures.js';
import type { KeeperState } from './keeper.js';
import { Latencies } from './latencies.js';
import type { Facts } from './sources/source.js';

/** The planner runs once for all answers of such a time. */
const SHOW_MS = 1000;

export class Status {
  readonly latencies = new Latencies();
  private readonly item: StatusBarItem;
  private state: KeeperState = { kind: 'closed' };
  private isEnabled: boolean = true;
  private facts: Facts | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor() {
    this.item = window.createStatusBarItem('waferflow', StatusBarAlignment.Right, 100);
    this.item.name = 'waferflow';
    this.item.command = 'waferflow.toggle';
    this.show();
    this.item.show();
  }

  set(state: KeeperState, isEnabled: boolean): void {
    this.state = state;
    this.isEnabled = isEnabled;
    if (state.kind !== 'open') this.facts = null;
    this.show();
  }

  /** After an answer. */
  add(facts: Facts): void {
    if (facts.tokensPerSecond === null) return;
    this.facts = facts;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.show();
    }, SHOW_MS);
  }

  dispose(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.item.dispose();
  }

  private show(): void {
    const { state, facts, item } = this;
    item.text = `${this.icon()} ${facts === null ? 'waferflow' : speed(facts)}`;
    item.backgroundColor =
      state.kind === 'failed' ? new ThemeColor('statusBarItem.warningBackground') : undefined;
    const tip = new MarkdownString();
    tip.appendMarkdown('**waferflow**\n\n');
    if (state.kind === 'open') tip.appendText(`${state.source.name}\n\n`);
    if (state.kind === 'failed') tip.appendText(`${state.message}\n\n`);
    if (state.kind === 'opening') tip.appendMarkdown('The model is loading.\n\n');
    if (facts !== null) tip.appendMarkdown(`Measured: ${speed(facts)}${this.timesOfSuggestions()}\n\n`);
    for (const line of simulatedLines(facts?.simulated ?? [])) tip.appendMarkdown(`Simulated, ${line}\n\n`);
    tip.appendMarkdown(`Click to turn completion ${this.isEnabled ? 'off' : 'on'}.`);
    item.tooltip = tip;
  }

  private icon(): string {
    if (this.state.kind === 'failed') return '$(warning)';
    if (this.state.kind === 'opening') return '$(loading~spin)';
    return this.isEnabled ? '$(circuit-board)' : '$(circle-slash)';
  }

  private timesOfSuggestions(): string {
    const { latencies } = this;
    if (latencies.count === 0) return '';
    const [p50, p95] = [50, 95].map((percent) => latencies.percentile(percent).toFixed(0));
    return `; suggestions p50 ${p50} ms, p95 ${p95} ms of ${latencies.count}`;
  }
}
