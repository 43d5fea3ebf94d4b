// Starts programs with the umask 000 and looks at the modes of all files that they write.
import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, Program } from '../../scripts/lab/program.ts';
import { Bench } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { rosUnavailable } from '../support/ros.ts';

const skip = rosUnavailable() || mosquittoUnavailable();

describe('programs that start with the umask 000', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  const programs: Program[] = [];
  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
  });
  after(async () => {
    for (const program of programs) if (!program.ended) await program.stop();
    await bench?.stop();
    await domain?.release();
  });

  const open = (...words: string[]) => {
    const program = new Program('open', 'sh', ['-c', 'umask 0; exec "$@"', 'sh', AGENT, ...words], bench.robotEnv());
    programs.push(program);
    return program;
  };
  const mode = (path: string) => lstatSync(path).mode & 0o777;
  const exposed = (folder: string) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .map(({ parentPath, name }) => join(parentPath, name))
      .filter((path) => !lstatSync(path).isSymbolicLink() && (mode(path) & 0o077) !== 0);

  it('keep all files of a state directory private, and close one that was open', async () => {
    mkdirSync(bench.stateDir);
    chmodSync(bench.stateDir, 0o755);
    for (const isFirst of [true, false]) {
      const agent = open('run', '--config', bench.configFile);
      await agent.event('connected');
      assert.equal(
        agent.lines.some(({ event }) => event === 'state_dir_open'),
        isFirst,
      );
      assert.deepEqual(exposed(bench.stateDir), []);
      assert.equal(await agent.stop(), 0);
    }
    assert.equal(mode(bench.stateDir), 0o700);
    assert.deepEqual(exposed(bench.stateDir), []);
  });

  it('keep keys private, and let other users read a request, a configuration and certificates', async () => {
    const stateDir = join(bench.folder, 'other');
    const config = join(bench.folder, 'other.yaml');
    const request = join(bench.folder, 'robot.csr');
    writeFileSync(config, `state_dir: ${stateDir}\n`);
    assert.equal(await open('certs', 'init', '--config', config, '--out', request).exited, 0);
    assert.deepEqual(exposed(stateDir), []);
    assert.equal(mode(request), 0o666);
    const certs = join(bench.folder, 'bench-certs');
    assert.equal(await open('certs', 'dev-ca', certs).exited, 0);
    assert.deepEqual(
      exposed(certs).filter((path) => path.endsWith('.key.pem')),
      [],
    );
    assert.equal(mode(join(certs, 'ca.crt.pem')), 0o666);
  });
});
