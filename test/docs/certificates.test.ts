// Runs the commands of docs/guide/certificates.md against a stand-in for IoT Core, and checks that the robot connects in the end.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { Program, ROOT } from '../../scripts/lab/program.ts';
import { FINDINGS } from '../../src/identity/index.ts';
import { TEMPLATE } from '../support/iotCore.ts';
import { OpenSsl, opensslMissing } from '../support/openssl.ts';
import { ProvisioningBench } from '../support/provisioning.ts';

const PAGE = readFileSync(join(ROOT, 'docs/guide/certificates.md'), 'utf8');
const COMMANDS = [...PAGE.matchAll(/^ *(bin\/elderly-bot certs .*)$/gm)].map(([, line]) => String(line));

describe('docs/guide/certificates.md', () => {
  it('lists every finding, and no other', () => {
    const rows = [...PAGE.matchAll(/^\| (`[a-z_`, ]+`) \|/gm)].flatMap(([, cell]) =>
      [...String(cell).matchAll(/`([a-z_]+)`/g)].map(([, code]) => code),
    );
    assert.deepEqual(rows.sort(), Object.keys(FINDINGS).sort());
  });
});

describe('the commands of docs/guide/certificates.md', { skip: opensslMissing(), timeout: 300_000 }, () => {
  let bench: ProvisioningBench;

  before(async () => {
    bench = await ProvisioningBench.start();
  });

  after(() => bench.stop());

  async function type(line: string): Promise<string> {
    const [command = '', ...args] = line.split(' ');
    const program = new Program(line, join(ROOT, command), args, process.env, bench.folder);
    const code = await program.exited;
    assert.equal(code, 0, `${line}: ${JSON.stringify(program.lines)}${program.stderr}`);
    return JSON.stringify(program.lines);
  }

  /** Preparations before a command, by words of the command. */
  const prepared: Readonly<Record<string, () => Promise<void>>> = {
    'certs import Downloads': async () => {
      const pair = await bench.files.authority.issue(bench.path('console'), 'x', { name: 'AWS IoT Certificate' });
      mkdirSync(bench.path('Downloads'));
      copyFileSync(pair.cert, bench.path('Downloads/0815-certificate.pem.crt'));
      copyFileSync(pair.key, bench.path('Downloads/0815-private.pem.key'));
      copyFileSync(bench.files.ca, bench.path('Downloads/AmazonRootCA1.pem'));
      bench.core.registerFile(pair.cert, 'elderly-bot');
    },
    'certs import robot-certificate': async () => {
      const openssl = new OpenSsl(bench.path('openssl'));
      const cert = openssl.sign(openssl.authority(), bench.path('robot.csr'));
      copyFileSync(cert, bench.path('robot-certificate.pem.crt'));
    },
    'certs provision': async () => {
      rmSync(bench.stateDir, { recursive: true });
      const block = /```yaml\n(provisioning:[\s\S]*?)```/.exec(PAGE)?.[1];
      const { provisioning } = parse(String(block)) as { provisioning: Record<string, string> };
      assert.equal(provisioning.template, TEMPLATE);
      bench.configureRobot(provisioning);
    },
    'certs wipe': async () => {
      assert.ok(!existsSync(bench.path('certs/claim.key.pem')), 'the provisioning erased the claim’s key');
      assert.equal(bench.inUse()?.cert.trim(), bench.core.active.at(-1)?.pem.trim());
    },
  };

  it('work one after the other', async () => {
    assert.ok(COMMANDS.length >= 9, COMMANDS.join('\n'));
    for (const line of COMMANDS) {
      const found = Object.entries(prepared).find(([words]) => line.includes(words));
      await found?.[1]();
      const output = await type(line);
      if (line.includes('verify')) assert.doesNotMatch(output, /not ok/);
      if (line.includes('--online')) assert.match(output, /subscribed and published/);
    }
    assert.equal(bench.core.active.length, 3);
    assert.equal(bench.inUse(), undefined);
    assert.deepEqual(readdirSync(bench.stateDir), []);
  });
});
