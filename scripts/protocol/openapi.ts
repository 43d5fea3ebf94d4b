// The text of docs/reference/openapi.yaml: the document that the cloud serves at /openapi.json.
import { stringify } from 'yaml';
import { openApi } from '../../cloud/src/cli/openapi.ts';

export async function openApiText(): Promise<string> {
  const text = stringify(await openApi(), { lineWidth: 140, aliasDuplicateObjects: false });
  return `# Generated from the routes of cloud/src/routes by scripts/protocol/: npm run generate\n${text}`;
}
