/** The errors of a template, in Python's kinds. */

export type JinjaErrorKind =
  | 'TemplateSyntaxError'
  | 'TemplateError'
  | 'UndefinedError'
  | 'SecurityError'
  | 'TypeError'
  | 'ValueError'
  | 'KeyError'
  | 'ZeroDivisionError'
  | 'OverflowError'
  | 'BudgetError';

/** What a template refuses, is refused for, or does wrong. */
export class JinjaError extends Error {
  readonly kind: JinjaErrorKind;

  constructor(kind: JinjaErrorKind, message: string) {
    super(message);
    this.name = 'JinjaError';
    this.kind = kind;
  }
}

export function typeError(message: string): JinjaError {
  return new JinjaError('TypeError', message);
}

export function valueError(message: string): JinjaError {
  return new JinjaError('ValueError', message);
}
