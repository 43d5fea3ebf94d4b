// Folders and files that the language check does not read yet. The owner of a folder removes its entry once
// `npm run language -- FOLDER` reports nothing.
export const PENDING: readonly string[] = [];
