// The sources as the tidy tests know them: text, imports, functions, exported names. The compiler's own parser reads them,
// so that no way of writing an import or a function is missed. They are read once for all tests.

import { existsSync, readFileSync } from 'node:fs';
import { join, normalize, relative } from 'node:path';
import { API } from 'typescript/unstable/sync';
import type { Node, SourceFile } from 'typescript/unstable/ast';
import { SyntaxKind } from 'typescript/unstable/ast';
import {
  isBlock,
  isCallExpression,
  isConstructorDeclaration,
  isExportDeclaration,
  isFunctionLikeDeclaration,
  isIdentifier,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isNamedExports,
  isNamedImports,
  isNoSubstitutionTemplateLiteral,
  isPrivateIdentifier,
  isQualifiedName,
  isStringLiteral,
  isTemplateExpression,
  isTypeParameterDeclaration,
  isTypeQueryNode,
  isTypeReferenceNode,
  isVariableStatement,
} from 'typescript/unstable/ast/is';

export const root = join(import.meta.dirname, '../../..');

interface Import {
  /** The path from the root: src/log/bytes/format.ts. */
  readonly target: string;
  /** The names that are imported from the target; '*' for all. */
  readonly names: readonly string[];
}

/** A string or template of the code, with its quotes. */
interface StringPlace {
  readonly text: string;
  /** Offset of its first character in the file. */
  readonly at: number;
  /** True: it names a test or a suite. */
  readonly isTitle: boolean;
}

interface Source {
  /** The path from the root: src/log/bytes/format.ts. */
  readonly path: string;
  readonly text: string;
  /** Imported files, not packages. Types, dynamic imports and names that are exported again count as well. */
  readonly imports: readonly Import[];
  readonly strings: readonly StringPlace[];
  readonly functions: readonly { readonly name: string; readonly lines: number }[];
  /** Names that the file itself declares and exports. */
  readonly exported: readonly string[];
  /** Exported name → the types that its signature names: no bodies, no private members, no constructors. */
  readonly named: ReadonlyMap<string, readonly string[]>;
}

/** Returns the text of a document or source that must exist. */
export function fileText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Returns code without comments; strings stay. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '');
}

function namesAsked(node: Node): string[] {
  if (isExportDeclaration(node)) {
    const clause = node.exportClause;
    if (clause === undefined || !isNamedExports(clause)) return ['*'];
    return clause.elements.map((each) => (each.propertyName ?? each.name).text);
  }
  if (isImportTypeNode(node)) {
    let name = node.qualifier;
    while (name !== undefined && isQualifiedName(name)) name = name.left;
    return name === undefined ? ['*'] : [name.text];
  }
  if (!isImportDeclaration(node)) return ['*'];
  const bindings = node.importClause?.namedBindings;
  if (bindings === undefined) return [];
  if (!isNamedImports(bindings)) return ['*'];
  return bindings.elements.map((each) => (each.propertyName ?? each.name).text);
}

/** Returns the text after `from`, or in `import('…')`, of any kind of import; undefined for every other node. */
function specifierOf(node: Node): string | undefined {
  let place: Node | undefined;
  if (isImportDeclaration(node) || isExportDeclaration(node)) place = node.moduleSpecifier;
  else if (isImportTypeNode(node)) {
    place = isLiteralTypeNode(node.argument) ? node.argument.literal : undefined;
  } else if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
    place = node.arguments[0];
  }
  return place !== undefined && isStringLiteral(place) ? place.text : undefined;
}

function exportedDeclarations(file: SourceFile): (readonly [string, Node])[] {
  return file.statements.flatMap((statement) => {
    const { modifiers } = statement as { modifiers?: readonly Node[] };
    if (!(modifiers ?? []).some(({ kind }) => kind === SyntaxKind.ExportKeyword)) return [];
    const declared: readonly Node[] = isVariableStatement(statement)
      ? [...statement.declarationList.declarations]
      : [statement];
    return declared.flatMap((node) => {
      const { name } = node as { name?: Node };
      return name !== undefined && isIdentifier(name) ? [[name.text, node] as const] : [];
    });
  });
}

/** Returns the types that a declaration names to its users. */
function typesNamed(declaration: Node): string[] {
  const named = new Set<string>();
  const own = new Set<string>();
  const visit = (node: Node): void => {
    const { name } = node as { name?: Node };
    if (isBlock(node) || isConstructorDeclaration(node)) return;
    if (name !== undefined && isPrivateIdentifier(name)) return;
    if (isTypeParameterDeclaration(node)) own.add(node.name.text);
    const place = isTypeReferenceNode(node)
      ? node.typeName
      : isTypeQueryNode(node)
        ? node.exprName
        : undefined;
    if (place !== undefined) {
      const last = isQualifiedName(place) ? place.right : place;
      if (isIdentifier(last)) named.add(last.text);
    }
    node.forEachChild((child) => {
      visit(child);
    });
  };
  visit(declaration);
  return [...named].filter((each) => !own.has(each));
}

/** Returns the argument of `it(…)`, `describe.skip(…)` and the like that names the test; undefined for every other node. */
function titleOf(node: Node): Node | undefined {
  if (!isCallExpression(node)) return undefined;
  return /^(?:describe|it)(?:\.\w+)?$/.test(node.expression.getText())
    ? node.arguments[0]
    : undefined;
}

function read(path: string, file: SourceFile): Source {
  const imports: Import[] = [];
  const strings: StringPlace[] = [];
  const titles = new Set<Node | undefined>();
  const functions: { name: string; lines: number }[] = [];
  const { text } = file;
  const visit = (node: Node): void => {
    const specifier = specifierOf(node);
    if (specifier?.startsWith('.') === true) {
      const target = normalize(join(path, '..', specifier)).replace(/\.js$/, '.ts');
      imports.push({ target, names: namesAsked(node) });
    }
    titles.add(titleOf(node));
    if (
      isStringLiteral(node) ||
      isNoSubstitutionTemplateLiteral(node) ||
      isTemplateExpression(node)
    ) {
      const at = node.getStart(file);
      strings.push({ text: text.slice(at, node.end), at, isTitle: titles.has(node) });
    }
    if (isFunctionLikeDeclaration(node)) {
      const lines = text.slice(node.getStart(file), node.end).split('\n').length;
      const { name } = node as { name?: Node };
      functions.push({ name: name?.getText(file) ?? '', lines });
    }
    node.forEachChild((child) => {
      visit(child);
    });
  };
  visit(file);
  const declared = exportedDeclarations(file);
  const exported = declared.map(([name]) => name);
  // A type and a value of one name are two declarations.
  const named = new Map<string, readonly string[]>();
  for (const [name, node] of declared)
    named.set(name, [...(named.get(name) ?? []), ...typesNamed(node)]);
  return { path, text, imports, strings, functions, exported, named };
}

/** The projects of the code that runs on Node, and of the code that runs in browsers. */
const PROJECTS = ['tsconfig.json', 'src/http/page/browser/tsconfig.json'];

function readAll(): Source[] {
  const sources = PROJECTS.flatMap(readProject);
  return [...new Map(sources.map((source) => [source.path, source])).values()];
}

function readProject(config: string): Source[] {
  const api = new API({ cwd: root });
  try {
    const project = api
      .updateSnapshot({ openProject: join(root, config) })
      .getProjects()
      .at(0);
    if (project === undefined) throw new Error(`${config} opens no project`);
    const { program } = project;
    return program.getSourceFileNames().flatMap((name) => {
      const path = relative(root, name);
      if (path.startsWith('..') || path.includes('node_modules')) return [];
      const file = program.getSourceFile(name);
      return file === undefined ? [] : [read(path, file)];
    });
  } finally {
    api.close();
  }
}

/** All of src, tools, test and benchmarks. */
export const everything: readonly Source[] = readAll();
export const engine = everything.filter(({ path }) => path.startsWith('src/'));
export const tools = everything.filter(({ path }) => path.startsWith('tools/'));

export function exists(path: string): boolean {
  return existsSync(join(root, path));
}
