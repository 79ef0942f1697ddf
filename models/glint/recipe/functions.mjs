// Function beginnings cut from source files, and the judge of their completions.
import ts from 'typescript'

/** Every function with a body of three lines or more: where it starts, opens its body, ends its first body line, ends. */
export function functionBeginnings(text) {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true)
  const found = []
  const visit = (node) => {
    const named = ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node) || ts.isConstructorDeclaration(node) || ts.isGetAccessor(node) || ts.isSetAccessor(node)
    if (named && node.body && node.body.statements.length > 0) {
      const open = node.body.getStart(source)
      const body = text.slice(open, node.body.end)
      const newline = text.indexOf('\n', open)
      if (body.split('\n').length >= 5 && /^\{\s*\n/.test(body)) {
        const firstLine = text.indexOf('\n', newline + 1) + 1
        found.push({ start: node.getStart(source), open, member: !ts.isFunctionDeclaration(node), cut: firstLine, end: node.body.end })
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** Functions that stand alone in the file under a doc comment, comment and body together. */
export function documentedFunctions(text) {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true)
  return source.statements
    .filter((node) => ts.isFunctionDeclaration(node) && node.body && node.jsDoc?.length > 0 && node.end - node.getFullStart() < 3000)
    .map((node) => `${text.slice(node.jsDoc.at(-1).pos, node.end)}\n`)
}

/**
 * Follows brackets, strings, templates, comments and regular expressions. Returns the stack of what is open at the
 * end, and the index just after the bracket that closes the first `{` that belongs to a body, or -1.
 */
export function scan(text, bodyOpen) {
  const stack = []
  let i = 0, last = '' // last: the last character that is no blank, to tell a regular expression from a division
  while (i < text.length) {
    const c = text[i], top = stack.at(-1)
    if (top === '`') {
      if (c === '\\') i++
      else if (c === '`') { stack.pop(); last = c }
      else if (c === '$' && text[i + 1] === '{') { stack.push('${'); i++; last = '{' }
    } else if (c === '/' && text[i + 1] === '/') {
      const n = text.indexOf('\n', i)
      if (n < 0) return { stack, inside: '//', end: -1 }
      i = n
    } else if (c === '/' && text[i + 1] === '*') {
      const n = text.indexOf('*/', i + 2)
      if (n < 0) return { stack, inside: '/*', end: -1 }
      i = n + 1
    } else if (c === "'" || c === '"') {
      let j = i + 1
      while (j < text.length && text[j] !== c && text[j] !== '\n') j += text[j] === '\\' ? 2 : 1
      if (j >= text.length) return { stack, inside: c, end: -1 }
      i = j; last = c
    } else if (c === '/' && /[(,=:[!&|?{};+\-*%~^<>]|^$/.test(last)) {
      let j = i + 1, set = false
      while (j < text.length && text[j] !== '\n' && (set || text[j] !== '/')) {
        if (text[j] === '\\') j++
        else if (text[j] === '[') set = true
        else if (text[j] === ']') set = false
        j++
      }
      i = j; last = '/'
    } else {
      if (c === '`') stack.push('`')
      else if ('([{'.includes(c)) stack.push(i === bodyOpen ? 'body' : c)
      else if (')]}'.includes(c)) {
        const open = stack.pop()
        if (open === 'body' && c === '}') return { stack, inside: '', end: i + 1 }
      }
      if (c.trim()) last = c
    }
    i++
  }
  return { stack, inside: '', end: -1 }
}

const CLOSER = { '(': ')', '[': ']', '{': '}', body: '}', '${': '}', '`': '`' }

/** Closes what is open, innermost first; an open comment or string is closed before. */
export function close(text, bodyOpen) {
  const { stack, inside } = scan(text, bodyOpen)
  const ends = { '//': '\n', '/*': '*/', "'": "'", '"': '"', '': '' }
  return text + ends[inside] + stack.reverse().map((s) => CLOSER[s]).join('')
}

/**
 * `head` is the function up to the cut, its body opening at `bodyOpen`; `completion` is what the model wrote. The completion ends where the function's
 * body closes; if it never does, its last unfinished line is dropped and the open brackets are closed.
 */
export function judge(head, bodyOpen, completion, member) {
  const whole = head + completion
  const { end } = scan(whole, bodyOpen)
  const natural = end > head.length
  let text = natural ? whole.slice(0, end) : whole.slice(0, Math.max(head.length, whole.lastIndexOf('\n') + 1))
  const empty = text.slice(head.length).trim() === ''
  if (!natural) text = close(text, bodyOpen)
  const program = member ? `class C {\n${text}\n}` : text
  const errors = ts.createSourceFile('file.ts', program, ts.ScriptTarget.Latest, false).parseDiagnostics.length
  return { parses: errors === 0 && !empty, natural, empty, text }
}
