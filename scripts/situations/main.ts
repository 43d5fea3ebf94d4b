// Writes docs/reference/situations.md from the situations that the tests play; `--check` fails if the page is stale.
import { GROUPS } from '../../test/situations/groups.ts';
import { fail, keep } from '../generated.ts';
import { page } from './page.ts';

fail(keep('docs/reference/situations.md', page(GROUPS)));
