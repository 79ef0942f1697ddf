/** Reads a template into statements. */
import type { Expression, MacroNode, OpenFilter, Statement, Target } from './ast.js';
import type { JinjaError } from './errors.js';
import { ExpressionParser } from './expression-parser.js';
import { tokenize } from './lexer.js';

/** Throws JinjaError (TemplateSyntaxError). */
export function parse(source: string): readonly Statement[] {
  return new Parser(tokenize(source)).template();
}

class Parser extends ExpressionParser {
  private loops = 0;

  template(): Statement[] {
    const body = this.body([]);
    if (this.token.kind !== 'end') throw this.error('unexpected statement');
    return body;
  }

  /** Statements up to one that begins with one of the words given; that one's `{%` has been read. */
  private body(ends: readonly string[]): Statement[] {
    const body: Statement[] = [];
    for (;;) {
      const token = this.next();
      switch (token.kind) {
        case 'data':
          body.push({ type: 'text', text: token.text });
          break;
        case 'print':
          body.push({ type: 'print', expression: this.tuple(true) });
          this.expect('}}', 'endPrint');
          break;
        case 'open':
          if (this.token.kind === 'name' && ends.includes(this.token.text)) return body;
          body.push(this.nested(() => this.statement()));
          this.expect('%}', 'close');
          break;
        default:
          if (ends.length > 0) throw this.error(`expected {% ${ends.at(-1)} %}`);
          return body;
      }
    }
  }

  /** The body of a block up to its only end. */
  private block(end: string): Statement[] {
    this.expect('%}', 'close');
    const body = this.body([end]);
    this.expect(end, 'name');
    return body;
  }

  private statement(): Statement {
    const word = this.expectName();
    switch (word) {
      case 'for':
        return this.for();
      case 'if':
        return this.if();
      case 'set':
        return this.set();
      case 'macro':
        return this.macro();
      case 'call':
        return this.callBlock();
      case 'filter': {
        const filter = this.openFilter(true);
        return { type: 'filterBlock', filter, body: this.block('endfilter') };
      }
      case 'with':
        return this.with();
      case 'generation':
        return { type: 'scope', body: this.block('endgeneration') };
      case 'autoescape':
        if (!this.skip('false', 'name')) throw this.error('escaping is not known here: expected false');
        return { type: 'scope', body: this.block('endautoescape') };
      case 'block':
        return this.namedBlock();
      case 'print':
        return { type: 'print', expression: this.tuple(true) };
      case 'break':
      case 'continue':
        if (this.loops === 0) throw this.error(`'${word}' outside of a loop`);
        return { type: word };
      default:
        throw this.unknown(word);
    }
  }

  private unknown(word: string): JinjaError {
    return this.error(`'${word}' is no statement that a chat template can have`);
  }

  private for(): Statement {
    const target = this.target(() => this.isWord('in'));
    this.expect('in', 'name');
    const over = this.tuple(false, () => this.isWord('recursive'));
    const test = this.skip('if', 'name') ? this.expression() : null;
    const isRecursive = this.skip('recursive', 'name');
    this.expect('%}', 'close');
    this.loops++;
    const body = this.body(['endfor', 'else']);
    this.loops--;
    let otherwise: Statement[] = [];
    if (this.skip('else', 'name')) otherwise = this.block('endfor');
    else this.expect('endfor', 'name');
    return { type: 'for', target, over, test, isRecursive, body, otherwise };
  }

  private if(): Statement {
    const branches: { test: Expression | null; body: Statement[] }[] = [];
    let test: Expression | null = this.tuple(false);
    for (;;) {
      this.expect('%}', 'close');
      const body = this.body(test === null ? ['endif'] : ['elif', 'else', 'endif']);
      branches.push({ test, body });
      const word = this.next().text;
      if (word === 'endif') return { type: 'if', branches };
      test = word === 'elif' ? this.tuple(false) : null;
    }
  }

  private set(): Statement {
    const target = this.target(() => this.is('='), true);
    if (this.skip('=')) return { type: 'set', target, value: this.tuple(true) };
    const filter = this.openFilter(false);
    return { type: 'setBlock', target, filter, body: this.block('endset') };
  }

  /** A chain of filters for a text to come; its first `|` is left out where one must follow. */
  private openFilter(isNeeded: boolean): OpenFilter {
    const placeholder: Expression = { type: 'name', name: '' };
    let chain: Expression = placeholder;
    if (isNeeded) chain = this.filter(chain);
    while (this.skip('|')) chain = this.filter(chain);
    return (text) => replaced(chain, placeholder, text);
  }

  private target(isEnd: () => boolean, withAttribute = false): Target {
    const items: Target[] = [];
    let isTuple = false;
    do {
      if (isEnd()) break;
      if (this.skip('(')) {
        items.push(this.target(() => this.is(')')));
        this.expect(')');
      } else {
        items.push(this.targetName(withAttribute));
      }
      isTuple ||= this.is(',');
    } while (this.skip(','));
    if (items.length === 0) throw this.error('expected a name');
    return isTuple ? { type: 'tuple', items } : items[0]!;
  }

  private targetName(withAttribute: boolean): Target {
    const name = this.expectName();
    if (['true', 'false', 'none', 'True', 'False', 'None'].includes(name))
      throw this.error(`cannot assign to '${name}'`);
    if (!withAttribute || !this.skip('.')) return { type: 'name', name };
    this.names.add(name);
    return { type: 'attribute', object: name, name: this.expectName() };
  }

  private macro(): Statement {
    const name = this.expectName();
    return { type: 'macro', macro: this.macroNode(name, 'endmacro') };
  }

  private callBlock(): Statement {
    const outer = this.names;
    this.names = new Set();
    const parameters = this.is('(') ? this.parameters() : [];
    const call = this.postfix(this.primary());
    if (call.type !== 'call') throw this.error('expected a call');
    for (const name of this.names) outer.add(name);
    this.names = outer;
    return { type: 'callBlock', call, caller: this.macroNode('caller', 'endcall', parameters) };
  }

  private macroNode(
    name: string,
    end: string,
    parameters: MacroNode['parameters'] = this.parameters(),
  ): MacroNode {
    const outer = this.names;
    const { loops } = this;
    this.names = new Set();
    this.loops = 0;
    const body = this.block(end);
    const uses = this.names;
    this.names = new Set([...outer, ...uses]);
    this.loops = loops;
    return { name, parameters, body, uses };
  }

  private parameters(): MacroNode['parameters'] {
    const parameters: { name: string; fallback: Expression | null }[] = [];
    this.expect('(');
    while (!this.skip(')')) {
      if (parameters.length > 0) {
        this.expect(',');
        if (this.skip(')')) break;
      }
      const name = this.expectName();
      const fallback = this.skip('=') ? this.expression() : null;
      if (fallback === null && parameters.at(-1)?.fallback) throw this.error('expected a default value');
      parameters.push({ name, fallback });
    }
    return parameters;
  }

  private with(): Statement {
    const values: [Target, Expression][] = [];
    while (this.token.kind !== 'close') {
      if (values.length > 0) this.expect(',');
      const target = this.target(() => this.is('='));
      this.expect('=');
      values.push([target, this.expression()]);
    }
    return { type: 'with', values, body: this.block('endwith') };
  }

  private namedBlock(): Statement {
    const name = this.expectName();
    while (this.skip('scoped', 'name') || this.skip('required', 'name'));
    const body = this.block('endblock');
    this.skip(name, 'name');
    return { type: 'scope', body };
  }
}

function replaced(chain: Expression, placeholder: Expression, text: Expression): Expression {
  if (chain === placeholder) return text;
  return chain.type === 'filter' ? { ...chain, object: replaced(chain.object, placeholder, text) } : chain;
}
