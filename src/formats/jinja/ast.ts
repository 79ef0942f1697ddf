/** What a parsed template is: expressions and statements, as plain data. */
import type { Value } from './values.js';

export type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**';
export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';

export interface CallArguments {
  readonly args: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  /** Behind `*`. */
  readonly rest: Expression | null;
  /** Behind `**`. */
  readonly restNamed: Expression | null;
}

export type Expression =
  | { readonly type: 'constant'; readonly value: Value }
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'list' | 'tuple' | 'concat'; readonly items: readonly Expression[] }
  | { readonly type: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | {
      readonly type: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly type: 'unary'; readonly operator: '+' | '-' | 'not'; readonly operand: Expression }
  | { readonly type: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | {
      readonly type: 'compare';
      readonly first: Expression;
      readonly rest: readonly { readonly operator: Comparison; readonly operand: Expression }[];
    }
  | {
      readonly type: 'if';
      readonly test: Expression;
      readonly then: Expression;
      readonly else: Expression | null;
    }
  | { readonly type: 'attribute'; readonly object: Expression; readonly name: string }
  | { readonly type: 'item'; readonly object: Expression; readonly index: Expression }
  | {
      readonly type: 'slice';
      readonly start: Expression | null;
      readonly stop: Expression | null;
      readonly step: Expression | null;
    }
  | { readonly type: 'call'; readonly callee: Expression; readonly arguments: CallArguments }
  | {
      readonly type: 'filter' | 'test';
      readonly name: string;
      readonly object: Expression;
      readonly arguments: CallArguments;
    };

export type Target =
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'attribute'; readonly object: string; readonly name: string }
  | { readonly type: 'tuple'; readonly items: readonly Target[] };

/** A filter in front of which there is a text still to come. */
export type OpenFilter = (text: Expression) => Expression;

export interface MacroNode {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly fallback: Expression | null }[];
  readonly body: readonly Statement[];
  /** Which of `caller`, `varargs` and `kwargs` the body speaks of. */
  readonly uses: ReadonlySet<string>;
}

export type Statement =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'print'; readonly expression: Expression }
  | {
      readonly type: 'for';
      readonly target: Target;
      readonly over: Expression;
      readonly test: Expression | null;
      readonly isRecursive: boolean;
      readonly body: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | {
      readonly type: 'if';
      readonly branches: readonly { readonly test: Expression | null; readonly body: readonly Statement[] }[];
    }
  | { readonly type: 'set'; readonly target: Target; readonly value: Expression }
  | {
      readonly type: 'setBlock';
      readonly target: Target;
      readonly body: readonly Statement[];
      readonly filter: OpenFilter;
    }
  | { readonly type: 'filterBlock'; readonly body: readonly Statement[]; readonly filter: OpenFilter }
  | {
      readonly type: 'with';
      readonly values: readonly (readonly [Target, Expression])[];
      readonly body: readonly Statement[];
    }
  | { readonly type: 'scope'; readonly body: readonly Statement[] }
  | { readonly type: 'macro'; readonly macro: MacroNode }
  | { readonly type: 'callBlock'; readonly caller: MacroNode; readonly call: Expression }
  | { readonly type: 'break' | 'continue' };
