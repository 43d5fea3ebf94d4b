// `elderly-bot pair` and `commands sign` as a person uses them, with the answers to wrong input.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AGENT } from '../../scripts/lab/program.ts';
import { FamilyKeys, type SignedCommand, shownFingerprint, verifySignature } from '../../src/signing/index.ts';
import { type Phone, phone } from '../support/familyKeys.ts';

describe('elderly-bot pair', { timeout: 300_000 }, () => {
  let folder: string;
  let config: string;
  let anna: Phone;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-pair-'));
    config = join(folder, 'robot.yaml');
    writeFileSync(config, `state_dir: ${folder}/state\n`);
    anna = await phone();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const run = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(AGENT, [...args, '--config', config], (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      ).stdin?.end();
    });
  const refusal = async (...args: string[]) => {
    const { code, stderr } = await run(...args);
    assert.equal(code, 2, stderr);
    return stderr;
  };
  const jwk = () => JSON.stringify(anna.paired.jwk);

  it('pairs no key whose fingerprint was not confirmed', async () => {
    assert.match(await refusal('pair', 'add', '--key', jwk(), '--name', 'Anna'), /standard input is not a terminal; give --fingerprint/);
    const other = shownFingerprint('A'.repeat(43));
    const text = await refusal('pair', 'add', '--key', jwk(), '--name', 'Anna', '--fingerprint', other);
    assert.match(text, /was not paired; compare the fingerprint with the one that the device shows \[FAMILY_KEY_INVALID\]/);
    assert.match((await run('pair')).stdout, /^no key is paired in \S+family-keys\.json; elderly-bot pair add --help shows how$/m);
  });

  it('refuses private and unknown keys, missing files and odd names in one line', async () => {
    const secret = JSON.stringify(anna.privateKey.export({ format: 'jwk' }));
    const text = await refusal('pair', 'add', '--key', secret, '--name', 'Anna');
    assert.match(text, /--key is a private key; it must not leave its device/);
    assert.ok(!text.includes(String(anna.privateKey.export({ format: 'jwk' }).d)));
    assert.match(await refusal('pair', 'add', '--key', join(folder, 'none'), '--name', 'Anna'), /no such file/);
    assert.match(await refusal('pair', 'add', '--key', '{}', '--name', 'Anna'), /expected a public key of EC P-256 or Ed25519/);
    assert.match(await refusal('pair', 'add', '--key', jwk(), '--name', 'a\nb'), /--name: expected no control characters/);
    assert.match(await refusal('pair', 'revoke', 'Anna'), /no paired key has the fingerprint or the name Anna/);
  });

  it('pairs, lists and revokes a key by its fingerprint', async () => {
    const shown = shownFingerprint(anna.kid);
    const added = await run('pair', 'add', '--key', jwk(), '--name', 'Anna’s phone', '--fingerprint', shown.toLowerCase());
    assert.equal(added.code, 0, added.stderr);
    assert.match((await run('pair', 'list')).stdout, new RegExp(`^${shown} {2}Anna’s phone, key \\(P-256\\), paired 20`));
    const [listed] = JSON.parse((await run('pair', 'list', '--json')).stdout) as [{ kid: string; fingerprint: string }];
    assert.deepEqual([listed.kid, listed.fingerprint], [anna.kid, shown]);
    assert.match((await run('pair', 'revoke', shown)).stdout, /^revoked: /);
    assert.deepEqual(new FamilyKeys(join(folder, 'state')).read().keys, []);
  });

  it('has a companion that signs a command, and takes only a key that others cannot read', async () => {
    const file = join(folder, 'phone.key.pem');
    writeFileSync(file, String(anna.privateKey.export({ format: 'pem', type: 'pkcs8' })), { mode: 0o644 });
    chmodSync(file, 0o644);
    assert.match(
      await refusal('commands', 'sign', 'buzzer', 'true', '--key', file),
      /others can read it; chmod 600 .* \[KEY_PERMISSIONS\]/,
    );
    chmodSync(file, 0o600);
    const { stdout } = await run('commands', 'sign', 'buzzer', 'true', '--key', file);
    const { value, sig, ...fields } = JSON.parse(stdout) as SignedCommand & { readonly value: unknown; readonly sig: string };
    assert.equal(verifySignature({ ...fields, args: { value } }, sig, [anna.paired]), anna.paired);
  });
});
