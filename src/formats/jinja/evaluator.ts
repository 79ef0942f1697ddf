/** Runs a parsed template. */
import type { CallArguments, Expression, MacroNode, Statement, Target } from './ast.js';
import { attribute, item, Slice } from './attributes.js';
import type { Budget } from './budget.js';
import { JinjaError, typeError, valueError } from './errors.js';
import { isFilter, runFilter } from './filters.js';
import { Loop } from './loop.js';
import { binary, compare, itemsOf, negated, positive, requireDefined } from './operators.js';
import { toText } from './printing.js';
import { runTest } from './tests.js';
import { isText, joined, plain, type Text, TextBuilder } from './text.js';
import {
  Callable,
  Dict,
  isTrue,
  type Named,
  Namespace,
  orElse,
  Thing,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.js';

/** Names and what they stand for; what is not here is looked for outside. */
class Scope {
  private readonly values: Map<string, Value>;
  private readonly outer: Scope | null;

  constructor(outer: Scope | null, values: Map<string, Value> = new Map()) {
    this.outer = outer;
    this.values = values;
  }

  get(name: string): Value | undefined {
    for (let scope: Scope | null = this; scope !== null; scope = scope.outer) {
      const value = scope.values.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  set(name: string, value: Value): void {
    this.values.set(name, value);
  }
}

type Signal = 'break' | 'continue' | null;
const noNames: Named = new Map();

export class Evaluator {
  private readonly budget: Budget;
  private out = new TextBuilder();

  constructor(budget: Budget) {
    this.budget = budget;
  }

  run(template: readonly Statement[], variables: Map<string, Value>): Text {
    this.body(template, new Scope(new Scope(null, variables)));
    return this.out.build();
  }

  private body(statements: readonly Statement[], scope: Scope): Signal {
    this.budget.enter();
    for (const statement of statements) {
      const signal = this.statement(statement, scope);
      if (signal !== null) {
        this.budget.leave();
        return signal;
      }
    }
    this.budget.leave();
    return null;
  }

  /** What statements write, apart from the rest. */
  private captured(body: readonly Statement[], scope: Scope): Text {
    const outside = this.out;
    this.out = new TextBuilder();
    this.body(body, scope);
    const text = this.out.build();
    this.out = outside;
    return text;
  }

  private write(text: Text): void {
    this.budget.text(plain(text).length);
    this.out.add(text);
  }

  private statement(statement: Statement, scope: Scope): Signal {
    this.budget.step();
    switch (statement.type) {
      case 'text':
        this.write(statement.text);
        return null;
      case 'print': {
        const value = this.evaluate(statement.expression, scope);
        this.write(isText(value) ? value : toText(value, this.budget));
        return null;
      }
      case 'if':
        for (const { test, body } of statement.branches)
          if (test === null || isTrue(this.defined(test, scope))) return this.body(body, scope);
        return null;
      case 'for':
        this.for(statement, scope);
        return null;
      case 'set':
        this.assign(statement.target, this.evaluate(statement.value, scope), scope);
        return null;
      case 'setBlock': {
        const value = this.captured(statement.body, new Scope(scope));
        this.assign(
          statement.target,
          this.evaluate(statement.filter({ type: 'constant', value }), scope),
          scope,
        );
        return null;
      }
      case 'filterBlock': {
        const value = this.captured(statement.body, new Scope(scope));
        this.write(toText(this.evaluate(statement.filter({ type: 'constant', value }), scope), this.budget));
        return null;
      }
      case 'with': {
        const inner = new Scope(scope);
        for (const [target, value] of statement.values)
          this.assign(target, this.evaluate(value, scope), inner);
        return this.body(statement.body, inner);
      }
      case 'scope':
        return this.body(statement.body, new Scope(scope));
      case 'macro':
        scope.set(statement.macro.name, this.macro(statement.macro, scope));
        return null;
      case 'callBlock': {
        const call = statement.call as Extract<Expression, { readonly type: 'call' }>;
        const callee = this.evaluate(call.callee, scope);
        const { args, named } = this.arguments(call.arguments, scope);
        const caller = this.macro(statement.caller, scope);
        this.write(toText(this.call(callee, args, new Map([...named, ['caller', caller]])), this.budget));
        return null;
      }
      case 'break':
      case 'continue':
        return statement.type;
    }
  }

  /** A value that decides something: what the sandbox keeps away cannot. */
  private defined(expression: Expression, scope: Scope): Value {
    const value = this.evaluate(expression, scope);
    if (value instanceof Undefined && value.isUnsafe) requireDefined(value);
    return value;
  }

  private assign(target: Target, value: Value, scope: Scope): void {
    if (target.type === 'name') scope.set(target.name, value);
    else if (target.type === 'attribute') {
      const object = scope.get(target.object);
      if (!(object instanceof Namespace))
        throw new JinjaError('TemplateError', 'cannot assign attribute on non-namespace object');
      object.values.set(target.name, value);
    } else {
      requireDefined(value);
      const items = itemsOf(value, this.budget);
      if (items.length !== target.items.length)
        throw valueError(`${items.length} values to unpack, expected ${target.items.length}`);
      for (const [i, part] of target.items.entries()) this.assign(part, items[i]!, scope);
    }
  }

  private for(node: Extract<Statement, { readonly type: 'for' }>, scope: Scope): void {
    this.loop(node, this.evaluate(node.over, scope), scope, 0);
  }

  private loop(
    node: Extract<Statement, { readonly type: 'for' }>,
    over: Value,
    scope: Scope,
    depth: number,
  ): void {
    const { target, test, body } = node;
    let items = itemsOf(over, this.budget);
    if (test !== null) {
      items = items.filter((value) => {
        const inner = new Scope(scope);
        this.assign(target, value, inner);
        return isTrue(this.evaluate(test, inner));
      });
    }
    const again = (value: Value): Text => {
      const outside = this.out;
      this.out = new TextBuilder();
      this.budget.enter();
      this.loop(node, value, scope, depth + 1);
      this.budget.leave();
      const text = this.out.build();
      this.out = outside;
      return text;
    };
    const loop = new Loop(items, depth, node.isRecursive ? again : null, this.budget);
    for (const value of items) {
      this.budget.step();
      loop.next();
      const inner = new Scope(scope, new Map([['loop', loop]]));
      this.assign(target, value, inner);
      if (this.body(body, inner) === 'break') break;
    }
    if (items.length === 0) this.body(node.otherwise, new Scope(scope));
  }

  private macro(node: MacroNode, scope: Scope): Callable {
    const { name, parameters, body, uses } = node;
    const call = (args: readonly Value[], named: Named): Value => {
      const inner = new Scope(scope);
      const rest = new Map(named);
      for (const [i, { name, fallback }] of parameters.entries()) {
        let value: Value | undefined = args[i];
        if (rest.has(name)) {
          if (value !== undefined) throw typeError(`macro '${node.name}' got two values for '${name}'`);
          value = rest.get(name);
          rest.delete(name);
        }
        if (value === undefined && fallback !== null) value = this.evaluate(fallback, inner);
        inner.set(name, value === undefined ? new Undefined(`parameter '${name}' was not provided`) : value);
      }
      const caller = rest.get('caller');
      if (uses.has('caller') && !parameters.some((one) => one.name === 'caller')) {
        inner.set('caller', orElse(caller, new Undefined('No caller defined')));
        rest.delete('caller');
      }
      if (uses.has('kwargs')) inner.set('kwargs', new Dict(rest));
      else if (rest.size > 0)
        throw typeError(`macro '${name}' takes no keyword argument '${[...rest.keys()][0]}'`);
      const more = args.slice(parameters.length);
      if (uses.has('varargs')) inner.set('varargs', new Tuple(more));
      else if (more.length > 0)
        throw typeError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
      return this.captured(body, inner);
    };
    const names = new Tuple(parameters.map((one) => one.name));
    const attributes = new Map<string, Value>([
      ['name', name],
      ['arguments', names],
      ['catch_kwargs', uses.has('kwargs')],
      ['catch_varargs', uses.has('varargs')],
      ['caller', uses.has('caller')],
    ]);
    return new Callable(name, call, attributes);
  }

  private arguments(node: CallArguments, scope: Scope): { args: readonly Value[]; named: Named } {
    const args = node.args.map((argument) => this.evaluate(argument, scope));
    if (node.rest !== null) args.push(...itemsOf(this.evaluate(node.rest, scope), this.budget));
    if (node.named.length === 0 && node.restNamed === null) return { args, named: noNames };
    const named = new Map(node.named.map(([name, value]) => [name, this.evaluate(value, scope)]));
    if (node.restNamed !== null) {
      const more = this.evaluate(node.restNamed, scope);
      if (!(more instanceof Dict))
        throw typeError(`argument after ** must be a mapping, not ${typeName(more)}`);
      for (const [key, value] of more.entries()) named.set(plain(toText(key, this.budget)), value);
    }
    return { args, named };
  }

  private call(callee: Value, args: readonly Value[], named: Named): Value {
    requireDefined(callee);
    this.budget.enter();
    this.budget.step();
    if (!(callee instanceof Callable) && !(callee instanceof Thing))
      throw typeError(`'${typeName(callee)}' object is not callable`);
    const value = callee.call(args, named);
    this.budget.leave();
    return value;
  }

  private evaluate(expression: Expression, scope: Scope): Value {
    const { budget } = this;
    budget.step();
    switch (expression.type) {
      case 'constant':
        return expression.value;
      case 'name':
        return this.named(expression.name, scope);
    }
    budget.enter();
    const value = this.compound(expression, scope);
    budget.leave();
    return value;
  }

  private named(name: string, scope: Scope): Value {
    const value = scope.get(name);
    return value === undefined ? new Undefined(`'${name}' is undefined`) : value;
  }

  private compound(
    expression: Exclude<Expression, { readonly type: 'constant' | 'name' }>,
    scope: Scope,
  ): Value {
    const { budget } = this;
    switch (expression.type) {
      case 'attribute':
        return attribute(this.evaluate(expression.object, scope), expression.name, budget);
      case 'item':
        return item(this.evaluate(expression.object, scope), this.evaluate(expression.index, scope), budget);
      case 'slice': {
        const part = (node: Expression | null): Value => (node === null ? null : this.evaluate(node, scope));
        return new Slice(part(expression.start), part(expression.stop), part(expression.step));
      }
      case 'filter': {
        const object = this.evaluate(expression.object, scope);
        const { args, named } = this.arguments(expression.arguments, scope);
        return runFilter(expression.name, object, args, named, budget);
      }
      case 'test': {
        const object = this.evaluate(expression.object, scope);
        const { args, named } = this.arguments(expression.arguments, scope);
        return runTest(expression.name, object, args, named, budget, isFilter);
      }
      case 'call': {
        const callee = this.evaluate(expression.callee, scope);
        const { args, named } = this.arguments(expression.arguments, scope);
        return this.call(callee, args, named);
      }
      case 'binary': {
        const left = this.evaluate(expression.left, scope);
        return binary(expression.operator, left, this.evaluate(expression.right, scope), budget);
      }
      case 'unary': {
        const { operator } = expression;
        if (operator === 'not') return !isTrue(this.defined(expression.operand, scope));
        const operand = this.evaluate(expression.operand, scope);
        return operator === '-' ? negated(operand) : positive(operand);
      }
      case 'and': {
        const left = this.defined(expression.left, scope);
        return isTrue(left) ? this.evaluate(expression.right, scope) : left;
      }
      case 'or': {
        const left = this.defined(expression.left, scope);
        return isTrue(left) ? left : this.evaluate(expression.right, scope);
      }
      case 'if':
        if (isTrue(this.defined(expression.test, scope))) return this.evaluate(expression.then, scope);
        if (expression.else !== null) return this.evaluate(expression.else, scope);
        return new Undefined('the inline if-expression evaluated to false and no else section was defined.');
      case 'compare': {
        let left = this.evaluate(expression.first, scope);
        for (const { operator, operand } of expression.rest) {
          const right = this.evaluate(operand, scope);
          if (!compare(operator, left, right, budget)) return false;
          left = right;
        }
        return true;
      }
      case 'concat': {
        const texts = expression.items.map((one) => toText(this.evaluate(one, scope), budget));
        budget.text(texts.reduce((sum, text) => sum + plain(text).length, 0));
        return joined(texts);
      }
      case 'list':
        return expression.items.map((one) => this.evaluate(one, scope));
      case 'tuple':
        return new Tuple(expression.items.map((one) => this.evaluate(one, scope)));
      case 'dict':
        return new Dict(
          expression.entries.map(([key, value]) => [this.evaluate(key, scope), this.evaluate(value, scope)]),
        );
    }
  }
}
