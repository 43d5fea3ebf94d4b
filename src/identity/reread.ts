// Reads the files of an identity again and again, so that a running agent notices that they were replaced. Compares contents: a timestamp
// says nothing about renamed files and symbolic links, and changes without a change of the content.
import { AgentError } from '../errors.ts';
import { type CredentialPaths, type Credentials, type CredentialTexts, credentialsIn, readTexts, readTextsLater } from './files.ts';

export class CredentialFiles {
  readonly #findPaths: () => CredentialPaths;
  #paths: CredentialPaths | undefined;
  #seen = '';
  #parsed: Credentials | AgentError | undefined;

  /** @param findPaths returns the present paths. It may throw AgentError. */
  constructor(findPaths: () => CredentialPaths) {
    this.#findPaths = findPaths;
  }

  /** The paths at the last {@link read}. */
  get paths(): CredentialPaths {
    return this.#paths ?? this.#findPaths();
  }

  /** Parses the files only if they have changed. @throws AgentError if they are missing or unusable. */
  read(): Credentials {
    const paths = this.#findPaths();
    return this.#parse(paths, readTexts(paths));
  }

  /** The same beside the agent's other work. Never settles if the file system hangs. */
  async readLater(): Promise<Credentials> {
    const paths = this.#findPaths();
    return this.#parse(paths, await readTextsLater(paths));
  }

  #parse(paths: CredentialPaths, texts: CredentialTexts): Credentials {
    this.#paths = paths;
    const seen = JSON.stringify([paths, texts]);
    if (this.#parsed === undefined || seen !== this.#seen) this.#parsed = parse(paths, texts);
    this.#seen = seen;
    if (this.#parsed instanceof AgentError) throw this.#parsed;
    return this.#parsed;
  }
}

function parse(...files: Parameters<typeof credentialsIn>): Credentials | AgentError {
  try {
    return credentialsIn(...files);
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}
