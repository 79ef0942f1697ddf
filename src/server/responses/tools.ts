/**
 * The tools of a request: functions, texts of any form (`custom`), and both in namespaces. The model knows each by one
 * flat name, its calls go back under the names that the client gave.
 */
import type { CustomTool, FunctionTool, NamespaceTool, ResponseTool } from '../../protocol/protocol.js';
import { badRequest } from '../errors.js';
import type { Tool, ToolChoice } from '../road/completion.js';
import { customTool } from '../road/custom.js';
import { type CreateBody, customToolBody, functionTool, namespaceTool, parse } from './body.js';

/** A tool as the client knows it. */
export interface ClientTool {
  readonly kind: 'function' | 'custom';
  readonly namespace: string | null;
  readonly name: string;
}

export interface KnownTools {
  /** As the response shows them. */
  readonly listed: readonly ResponseTool[];
  /** As the model is told of them. */
  readonly shown: readonly Tool[];
  /** By the names that the model knows. */
  readonly byName: ReadonlyMap<string, ClientTool>;
  /** What the server would have to run itself, such as a search of the web, is left out. */
  readonly ignored: readonly string[];
}

/** The name that the model knows: of a tool in a namespace with both. */
export function flatName(namespace: string | null, name: string): string {
  return namespace === null ? name : `${namespace}__${name}`;
}

export function knownTools(given: CreateBody['tools']): KnownTools {
  const shown: Tool[] = [];
  const byName = new Map<string, ClientTool>();
  const ignored: string[] = [];
  const take = (tool: Readonly<Record<string, unknown>>, path: string, namespace: string | null) => {
    const known = memberOf(tool, path);
    if (known === null) {
      ignored.push(`${path}: ${String(tool.type)}`);
      return [];
    }
    const name = flatName(namespace, known.name);
    byName.set(name, { kind: known.type, namespace, name: known.name });
    shown.push(shownTool(name, known));
    return [known];
  };
  const listed = (given ?? []).flatMap((tool, index): ResponseTool[] => {
    const path = `tools[${index}]`;
    if (tool.type !== 'namespace') return take(tool, path, null);
    const { name, description, tools } = parse(namespaceTool, tool, path);
    const members = tools.flatMap((member, i) => take(member, `${path}.tools[${i}]`, name));
    const group: NamespaceTool = {
      type: 'namespace',
      name,
      description: description ?? null,
      tools: members,
    };
    return [group];
  });
  return { listed, shown, byName, ignored };
}

function memberOf(tool: Readonly<Record<string, unknown>>, path: string): FunctionTool | CustomTool | null {
  if (tool.type === 'function') {
    const { name, description, parameters, strict } = parse(functionTool, tool, path);
    return {
      type: 'function',
      name,
      description: description ?? null,
      parameters: parameters ?? null,
      strict: strict ?? true,
    };
  }
  if (tool.type !== 'custom') return null;
  const { name, description, format } = parse(customToolBody, tool, path);
  return { type: 'custom', name, description: description ?? null, format: format ?? { type: 'text' } };
}

function shownTool(name: string, tool: FunctionTool | CustomTool): Tool {
  const { description } = tool;
  if (tool.type === 'custom') return customTool(name, description, tool.format);
  return {
    name,
    ...(description !== null && { description }),
    ...(tool.parameters !== null && { parameters: tool.parameters }),
  };
}

interface Chosen {
  readonly toolChoice: ToolChoice;
  readonly tools: readonly Tool[];
}

/** Throws an ApiError where a tool is asked for that is not among the tools. */
export function chosenTools(choice: CreateBody['tool_choice'], { shown, byName }: KnownTools): Chosen {
  const find = ({ name, namespace }: { name?: string | undefined; namespace?: unknown }): Tool => {
    const wanted = typeof namespace === 'string' ? flatName(namespace, name ?? '') : name;
    const found =
      shown.find((tool) => tool.name === wanted) ??
      shown.find((tool) => byName.get(tool.name)?.name === wanted);
    if (found !== undefined) return found;
    throw badRequest(
      `\`tool_choice\` names ${JSON.stringify(name)}, which is not among \`tools\`.`,
      'tool_choice',
    );
  };
  if (choice === undefined || choice === null) return { toolChoice: 'auto', tools: shown };
  if (typeof choice === 'string') {
    if (choice === 'required' && shown.length === 0)
      throw badRequest('`tool_choice` is "required", and `tools` has no function.', 'tool_choice');
    return { toolChoice: choice, tools: shown };
  }
  if (choice.type === 'function' || choice.type === 'custom')
    return { toolChoice: { name: find(choice).name }, tools: shown };
  if (choice.type === 'allowed_tools') {
    const allowed = (choice.tools ?? []).filter(({ type }) => type === 'function' || type === 'custom');
    return { toolChoice: choice.mode ?? 'auto', tools: allowed.map(find) };
  }
  throw badRequest(`\`tool_choice\` of type ${JSON.stringify(choice.type)} is not supported.`, 'tool_choice');
}
