// Renders an OpenAPI document as the HTML page at /docs, with one section for each route. A pure function.

export interface ApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
}

interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean; readonly schema?: unknown }[];
  readonly requestBody?: { readonly content?: Content };
  readonly responses?: Readonly<Record<string, { readonly description?: string; readonly content?: Content }>>;
}

type Content = Readonly<Record<string, { readonly schema?: unknown }>>;

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{background:#8881;padding:.7rem;overflow:auto}summary{cursor:pointer}
details{border-bottom:1px solid #8884;padding:.5rem 0}b{display:inline-block;min-width:3.5rem}small{opacity:.7}:root{color-scheme:light dark}`;

export function docsPage({ info, paths, components }: ApiDocument): string {
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => section(method.toUpperCase(), path, operation)),
  );
  const schemas = Object.entries(components?.schemas ?? {}).map(
    ([name, schema]) => `<details id="${text(name)}"><summary><code>${text(name)}</code></summary>${schemaOf(schema)}</details>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${text(info.title)}</title><style>${STYLE}</style>
<h1>${text(info.title)} <small>${text(info.version)}</small></h1><p>${text(info.description ?? '')}</p>
<p>The machine-readable document: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
${routes.join('\n')}<h2>Schemas</h2>
${schemas.join('\n')}</html>`;
}

function section(method: string, path: string, operation: Operation): string {
  const token = (operation.security ?? []).flatMap((scheme) => Object.keys(scheme)).join(' or ');
  const parameters = (operation.parameters ?? []).map(
    ({ name, in: place, required, schema }) =>
      `<li><code>${text(name)}</code> in ${text(place)}${required ? ', required' : ''}${schemaOf(schema)}</li>`,
  );
  const answers = Object.entries(operation.responses ?? {}).map(
    ([status, { description = '', content }]) => `<li>${text(status)} ${text(description)}${contentOf(content)}</li>`,
  );
  return `<details><summary><b>${text(method)}</b> <code>${text(path)}</code> ${text(operation.summary ?? '')} <small>${
    token ? `needs a ${text(token)} token` : 'needs no token'
  }</small></summary><p>${text(operation.description ?? '')}</p>${parameters.length > 0 ? `<ul>${parameters.join('')}</ul>` : ''}${
    operation.requestBody ? `<p>Body</p>${contentOf(operation.requestBody.content)}` : ''
  }<p>Answers</p><ul>${answers.join('')}</ul></details>`;
}

function contentOf(content: Content | undefined): string {
  return Object.values(content ?? {})
    .map(({ schema }) => schemaOf(schema))
    .join('');
}

function schemaOf(schema: unknown): string {
  return schema === undefined ? '' : `<pre>${text(JSON.stringify(schema, null, 2))}</pre>`;
}

function text(raw: string): string {
  return raw.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
