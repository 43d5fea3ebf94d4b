// A host whose broker is down, with a web server on port 443. The agent tries that port too, and must not blame the broker for its answer.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Program, ROOT } from '../../scripts/lab/program.ts';
import { type BenchFiles, benchCertificates, DevCa, type IssuedFiles } from '../../src/identity/index.ts';
import { networkMissing } from '../support/network/robotNetwork.ts';
import { Space } from '../support/network/space.ts';

const part = (name: string) => fileURLToPath(new URL(`../support/network/${name}.ts`, import.meta.url));
const SERVER = { name: 'localhost', server: true, hosts: ['localhost'] };

describe('a host whose broker is down', { skip: networkMissing(), timeout: 180_000 }, () => {
  let folder: string;
  let files: BenchFiles;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-web-'));
    files = await benchCertificates(folder, 'elderly-bot');
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Reaches the broker as the agent and the doctor do, while a web server with this certificate runs. */
  const reach = async ({ cert, key }: IssuedFiles, kind: 'strict' | 'lax') => {
    const space = await Space.start('robot', { '/etc/hosts': '127.0.0.1 localhost\n' });
    const env = {
      ...process.env,
      AWS_IOT_ENDPOINT: 'localhost',
      AWS_ROOT_CA: files.ca,
      AWS_CERT_FILE: files.robot.cert,
      AWS_PRIVATE_KEY: files.robot.key,
    };
    const start = (name: string, ...args: readonly string[]) => {
      const [command, ...words] = space.launch(process.execPath, '--import', 'tsx', part(name), ...args);
      return new Program(name, command, words, env, ROOT);
    };
    try {
      space.ip('link set lo up');
      const server = start('webServer', cert, key, kind);
      await server.event('ready');
      const { agent, doctor } = (await start('reach').event('reached')) as unknown as Record<'agent' | 'doctor', Record<string, string>>;
      await server.stop();
      return { agent, doctor };
    } finally {
      await space.stop();
    }
  };

  it('is not blamed for the certificate of a web server on port 443', async () => {
    const stranger = await (await DevCa.create('Web CA')).issue(join(folder, 'stranger'), 'web', SERVER);
    const { agent, doctor } = await reach(stranger, 'lax');
    assert.deepEqual([agent?.reason, doctor?.reason], ['ECONNREFUSED', 'ECONNREFUSED']);
    assert.match(
      String(agent?.text),
      /^localhost at 127\.0\.0\.1:8883: connection refused; at 127\.0\.0\.1:443: the server shows the certificate localhost .* by Web CA/,
    );
  });

  it('is not blamed for a web server that does not offer MQTT', async () => {
    const { agent, doctor } = await reach(files.broker, 'strict');
    assert.deepEqual([agent?.reason, doctor?.reason], ['ECONNREFUSED', 'ECONNREFUSED']);
    assert.match(
      String(agent?.text),
      /127\.0\.0\.1:8883: connection refused; at 127\.0\.0\.1:443: the server does not offer the requested protocol \(ALPN\)$/,
    );
  });

  it('is not blamed for a web server that answers the CONNECT', async () => {
    const { agent } = await reach(files.broker, 'lax');
    assert.equal(agent?.reason, 'ECONNREFUSED');
    assert.match(
      String(agent?.text),
      /127\.0\.0\.1:8883: connection refused; at 127\.0\.0\.1:443: a web server answers instead of the broker: “HTTP/,
    );
  });
});
