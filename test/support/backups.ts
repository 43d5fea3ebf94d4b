// Signs backups with a certificate of a test, and trusts what that certificate signed.
import { BACKUP_TYP, readStatement, signStatement } from '../../src/identity/index.ts';
import type { Content } from '../../src/outbox/index.ts';

interface Signer {
  readonly cert: string;
  readonly key: string;
}

export function signing(signer: Signer) {
  return {
    sign: (content: Content) => signStatement(signer, BACKUP_TYP, { iss: 'robot', ...content }),
    verify: async (signature: string | undefined): Promise<Content | undefined> => {
      const read = signature === undefined ? undefined : await readStatement(signature, BACKUP_TYP);
      return read?.payload as Content | undefined;
    },
  };
}
