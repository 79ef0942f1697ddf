/** Reads expressions, with Jinja's precedence: `~` binds closer than `+`, filters closer than signs. */
import type { BinaryOperator, CallArguments, Comparison, Expression } from './ast.js';
import { JinjaError } from './errors.js';
import { type Token, type TokenKind, unquoted } from './lexer.js';
import { Float, integer } from './values.js';

/** Expressions inside of one another: more is refused before the parser's own stack ends. */
const mostLevels = 200;

const comparisons: Readonly<Record<string, Comparison>> = {
  '==': '==',
  '!=': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};
const constants: ReadonlyMap<string, Expression> = new Map(
  (
    [
      ['true', true],
      ['True', true],
      ['false', false],
      ['False', false],
      ['none', null],
      ['None', null],
    ] as const
  ).map(([name, value]) => [name, { type: 'constant', value }]),
);
const noArguments: CallArguments = { args: [], named: [], rest: null, restNamed: null };

export class ExpressionParser {
  private readonly tokens: readonly Token[];
  private position = 0;
  private level = 0;
  /** Names that the macro being read speaks of. */
  protected names = new Set<string>();

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  protected get token(): Token {
    return this.tokens[this.position]!;
  }

  protected next(): Token {
    const { token } = this;
    if (token.kind !== 'end') this.position++;
    return token;
  }

  protected is(text: string, kind: TokenKind = 'operator'): boolean {
    return this.token.kind === kind && this.token.text === text;
  }

  protected isWord(text: string): boolean {
    return this.is(text, 'name');
  }

  protected skip(text: string, kind: TokenKind = 'operator'): boolean {
    if (!this.is(text, kind)) return false;
    this.position++;
    return true;
  }

  protected expect(text: string, kind: TokenKind = 'operator'): void {
    if (!this.skip(text, kind)) throw this.error(`expected '${text}'`);
  }

  protected expectName(): string {
    if (this.token.kind !== 'name') throw this.error('expected a name');
    return this.next().text;
  }

  protected error(message: string): JinjaError {
    const { kind, text, line } = this.token;
    const found = kind === 'end' ? 'the end of the template' : `'${text.slice(0, 40)}'`;
    return new JinjaError('TemplateSyntaxError', `${message}, got ${found} (line ${line})`);
  }

  /** Reads one level deeper. */
  protected nested<T>(read: () => T): T {
    if (++this.level > mostLevels) throw this.error(`more than ${mostLevels} levels inside of one another`);
    const result = read();
    this.level--;
    return result;
  }

  protected expression(withCondition = true): Expression {
    return this.nested(() => (withCondition ? this.conditional() : this.or()));
  }

  private conditional(): Expression {
    let then = this.or();
    while (this.skip('if', 'name')) {
      const test = this.or();
      const otherwise = this.skip('else', 'name') ? this.expression() : null;
      then = { type: 'if', test, then, else: otherwise };
    }
    return then;
  }

  private or(): Expression {
    let left = this.and();
    while (this.skip('or', 'name')) left = { type: 'or', left, right: this.and() };
    return left;
  }

  private and(): Expression {
    let left = this.not();
    while (this.skip('and', 'name')) left = { type: 'and', left, right: this.not() };
    return left;
  }

  private not(): Expression {
    if (!this.skip('not', 'name')) return this.compare();
    return { type: 'unary', operator: 'not', operand: this.nested(() => this.not()) };
  }

  private compare(): Expression {
    const first = this.sum();
    const rest: { operator: Comparison; operand: Expression }[] = [];
    for (;;) {
      const operator = this.comparison();
      if (operator === null) return rest.length === 0 ? first : { type: 'compare', first, rest };
      rest.push({ operator, operand: this.sum() });
    }
  }

  private comparison(): Comparison | null {
    const { kind, text } = this.token;
    if (kind === 'operator' && Object.hasOwn(comparisons, text)) {
      this.next();
      return comparisons[text]!;
    }
    if (this.skip('in', 'name')) return 'in';
    const after = this.tokens[this.position + 1];
    if (!this.isWord('not') || after?.kind !== 'name' || after.text !== 'in') return null;
    this.position += 2;
    return 'not in';
  }

  private binary(operators: readonly BinaryOperator[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const operator = operators.find((one) => this.is(one));
      if (operator === undefined) return left;
      this.next();
      left = { type: 'binary', operator, left, right: operand() };
    }
  }

  private readonly sum = (): Expression => this.binary(['+', '-'], this.concat);

  private readonly concat = (): Expression => {
    const items = [this.product()];
    while (this.skip('~')) items.push(this.product());
    return items.length === 1 ? items[0]! : { type: 'concat', items };
  };

  private readonly product = (): Expression => this.binary(['*', '/', '//', '%'], this.power);
  private readonly power = (): Expression => this.binary(['**'], () => this.unary(true));

  private unary(withFilter: boolean): Expression {
    const operator = this.is('-') ? '-' : this.is('+') ? '+' : null;
    let expression: Expression;
    if (operator !== null) {
      this.next();
      expression = { type: 'unary', operator, operand: this.nested(() => this.unary(false)) };
    } else {
      expression = this.postfix(this.primary());
    }
    return withFilter ? this.filters(expression) : expression;
  }

  protected primary(): Expression {
    const token = this.next();
    switch (token.kind) {
      case 'name': {
        const constant = constants.get(token.text);
        if (constant) return constant;
        this.names.add(token.text);
        return { type: 'name', name: token.text };
      }
      case 'string': {
        let value = unquoted(token.text);
        while (this.token.kind === 'string') value += unquoted(this.next().text);
        return { type: 'constant', value };
      }
      case 'integer':
        if (token.text.length > 4300) throw this.error('a number of more than 4300 digits');
        return { type: 'constant', value: integer(BigInt(token.text.replaceAll('_', ''))) };
      case 'float':
        return { type: 'constant', value: new Float(Number(token.text.replaceAll('_', ''))) };
      case 'operator':
        if (token.text === '(') return this.parenthesis();
        if (token.text === '[') return { type: 'list', items: this.items(']') };
        if (token.text === '{') return this.dict();
    }
    if (token.kind !== 'end') this.position--;
    throw this.error('expected an expression');
  }

  private parenthesis(): Expression {
    if (this.skip(')')) return { type: 'tuple', items: [] };
    const expression = this.tuple(true);
    this.expect(')');
    return expression;
  }

  /** Expressions with commas between them, or the only one. */
  protected tuple(withCondition: boolean, isEnd: () => boolean = () => false): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0 && !this.skip(',')) break;
      isTuple ||= items.length > 0;
      if (this.isTupleEnd() || isEnd()) break;
      items.push(this.expression(withCondition));
    }
    if (items.length === 0) throw this.error('expected an expression');
    return isTuple ? { type: 'tuple', items } : items[0]!;
  }

  private isTupleEnd(): boolean {
    return this.token.kind === 'close' || this.token.kind === 'endPrint' || this.is(')');
  }

  private items(close: string): Expression[] {
    const items: Expression[] = [];
    while (!this.skip(close)) {
      if (items.length > 0) this.expect(',');
      if (this.skip(close)) break;
      items.push(this.expression());
    }
    return items;
  }

  private dict(): Expression {
    const entries: [Expression, Expression][] = [];
    while (!this.skip('}')) {
      if (entries.length > 0) this.expect(',');
      if (this.skip('}')) break;
      const key = this.expression();
      this.expect(':');
      entries.push([key, this.expression()]);
    }
    return { type: 'dict', entries };
  }

  protected postfix(expression: Expression): Expression {
    let object = expression;
    for (;;) {
      if (this.skip('.')) object = this.attribute(object);
      else if (this.skip('[')) object = { type: 'item', object, index: this.subscript() };
      else if (this.is('(')) object = { type: 'call', callee: object, arguments: this.callArguments() };
      else return object;
    }
  }

  private attribute(object: Expression): Expression {
    if (this.token.kind === 'integer') {
      const index: Expression = { type: 'constant', value: Number(this.next().text) };
      return { type: 'item', object, index };
    }
    return { type: 'attribute', object, name: this.expectName() };
  }

  private subscript(): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    while (!this.skip(']')) {
      if (items.length > 0) {
        this.expect(',');
        isTuple = true;
        if (this.skip(']')) break;
      }
      items.push(this.subscribed());
    }
    if (items.length === 0) throw this.error('expected an index');
    return isTuple ? { type: 'tuple', items } : items[0]!;
  }

  private subscribed(): Expression {
    const isPartEnd = (): boolean => this.is(':') || this.is(']') || this.is(',');
    const part = (): Expression | null => (isPartEnd() ? null : this.expression());
    const start = part();
    if (start !== null && !this.is(':')) return start;
    this.expect(':');
    const stop = part();
    const step = this.skip(':') ? part() : null;
    return { type: 'slice', start, stop, step };
  }

  protected filters(expression: Expression): Expression {
    let object = expression;
    for (;;) {
      if (this.skip('|')) object = this.filter(object);
      else if (this.skip('is', 'name')) object = this.test(object);
      else if (this.is('(')) object = { type: 'call', callee: object, arguments: this.callArguments() };
      else return object;
    }
  }

  /** A filter whose `|` has been read. */
  protected filter(object: Expression): Expression {
    const name = this.dottedName();
    const args = this.is('(') ? this.callArguments() : noArguments;
    return { type: 'filter', name, object, arguments: args };
  }

  private dottedName(): string {
    let name = this.expectName();
    while (this.skip('.')) name += `.${this.expectName()}`;
    return name;
  }

  private test(object: Expression): Expression {
    const isNegated = this.skip('not', 'name');
    const name = this.dottedName();
    let args = noArguments;
    if (this.is('(')) args = this.callArguments();
    else if (this.beginsArgument()) args = { ...noArguments, args: [this.postfix(this.primary())] };
    const test: Expression = { type: 'test', name, object, arguments: args };
    return isNegated ? { type: 'unary', operator: 'not', operand: test } : test;
  }

  private beginsArgument(): boolean {
    const { kind, text } = this.token;
    if (kind === 'name') {
      if (text === 'is') throw this.error('tests cannot be chained with is');
      return !['else', 'or', 'and'].includes(text);
    }
    if (kind === 'string' || kind === 'integer' || kind === 'float') return true;
    return kind === 'operator' && (text === '[' || text === '{');
  }

  protected callArguments(): CallArguments {
    this.expect('(');
    const args: Expression[] = [];
    const named: [string, Expression][] = [];
    let rest: Expression | null = null;
    let restNamed: Expression | null = null;
    let isFirst = true;
    while (!this.skip(')')) {
      if (!isFirst) {
        this.expect(',');
        if (this.skip(')')) break;
      }
      isFirst = false;
      const after = this.tokens[this.position + 1];
      if (rest === null && restNamed === null && this.skip('*')) rest = this.expression();
      else if (restNamed === null && this.skip('**')) restNamed = this.expression();
      else if (
        restNamed === null &&
        this.token.kind === 'name' &&
        after?.kind === 'operator' &&
        after.text === '='
      ) {
        const name = this.expectName();
        this.expect('=');
        named.push([name, this.expression()]);
      } else if (named.length === 0 && rest === null && restNamed === null) args.push(this.expression());
      else throw this.error('arguments out of order');
    }
    return { args, named, rest, restNamed };
  }
}
