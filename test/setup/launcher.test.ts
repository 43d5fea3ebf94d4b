// bin/elderly-bot and bin/with-ros from wherever and however they are started.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
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

  it('says in one line that nothing is built yet', () => {
    const { code, lines } = checkout.run(`${checkout.root}/bin/elderly-bot`, ['run'], { PATH });
    assert.equal(code, 2);
    assert.deepEqual(lines, [
      `elderly-bot: not built yet; run ${checkout.root}/bin/setup (on a machine without ROS: ${checkout.root}/bin/setup --no-ros)`,
    ]);
  });

  it('runs from any folder, through a link, in a path with an umlaut and a space, with its arguments as they are', () => {
    checkout.write('dist/cli/main.js', PROGRAM);
    symlinkSync(`${checkout.root}/bin/elderly-bot`, checkout.path('link'));
    symlinkSync('link', checkout.path('link to a link'));
    mkdirSync(checkout.path('some where'));
    const { code, stdout, lines } = checkout.run('../link to a link', ['a b', '*', ''], { PATH }, checkout.path('some where'));
    assert.equal(code, 0, lines.join('\n'));
    assert.deepEqual(JSON.parse(stdout), { argv: ['a b', '*', ''], cwd: checkout.path('some where') });
  });

  it('explains the setup, or refuses what it does not know, and sets nothing up', () => {
    const env = { PATH: checkout.only([]) };
    const setup = (word: string) => checkout.run(`${checkout.root}/bin/setup`, [word], env);
    const help = setup('--help');
    assert.equal(help.code, 0);
    assert.match(help.stdout, /^bin\/setup \[--check\] \[--no-ros\]\n/);
    const { code, lines } = setup('--nope');
    assert.deepEqual({ code, lines }, { code: 2, lines: ['setup: no such option: --nope; bin/setup --help lists what there is'] });
  });

  for (const { version, said } of [
    { version: 'v18.20.4', said: 'this is Node.js 18.20.4; 20.20 or newer is needed: install it and put it first on the PATH' },
    { version: 'v20.19.5', said: 'this is Node.js 20.19.5; 20.20 or newer is needed: install it and put it first on the PATH' },
    {
      version: 'not to be run',
      said: "no working node on the PATH; install Node.js 20.20 or newer (nodejs.org, or your distribution's nodejs)",
    },
  ]) {
    it(`refuses a node that says "${version}", as the setup does`, () => {
      const env = { PATH: checkout.with({ node: `echo '${version}'` }) };
      for (const program of ['elderly-bot', 'setup']) {
        const { code, lines } = checkout.run(`${checkout.root}/bin/${program}`, [], env);
        assert.deepEqual({ code, lines }, { code: 2, lines: [`${program}: ${said}`] });
      }
    });
  }

  it('refuses a machine without node, as the setup does', () => {
    const env = { PATH: checkout.only([]) };
    for (const program of ['elderly-bot', 'setup']) {
      const { code, lines } = checkout.run(`${checkout.root}/bin/${program}`, [], env);
      assert.equal(code, 2);
      assert.match(lines.join('\n'), /^[a-z-]+: no working node on the PATH; install Node\.js 20\.20 or newer .*$/);
    }
  });

  for (const version of ['v20.20.0', 'v24.1.0']) {
    it(`takes a node that says ${version}`, () => {
      const { code, stdout } = checkout.run(`${checkout.root}/bin/elderly-bot`, ['x'], {
        PATH: checkout.with({ node: `[ "$1" = --version ] && echo ${version} || echo ran` }),
      });
      assert.deepEqual({ code, stdout }, { code: 0, stdout: 'ran\n' });
    });
  }
});

describe('the ROS environment', () => {
  const { PATH } = process.env;
  let checkout: Checkout;
  const environment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
    const { code, stdout, lines } = checkout.run(`${checkout.root}/bin/with-ros`, [process.execPath, '-e', ENVIRONMENT], env);
    assert.equal(code, 0, lines.join('\n'));
    return JSON.parse(stdout) as NodeJS.ProcessEnv;
  };

  before(() => {
    checkout = new Checkout();
    mkdirSync(checkout.path('wheels', 'lib', 'python3.11', 'site-packages', 'ros_rcl.libs'), { recursive: true });
  });
  after(() => checkout.remove());

  it('is a sourced one as it is', () => {
    const sourced = { AMENT_PREFIX_PATH: '/some/ros', LD_LIBRARY_PATH: '/some/ros/lib', PYTHONPATH: '/some/ros/python', ROS_LOG_DIR: '/l' };
    const there = environment({ PATH, ...sourced, ELDERLY_BOT_ROS_PREFIX: checkout.path('wheels') });
    assert.deepEqual(Object.fromEntries(Object.keys(sourced).map((key) => [key, there[key]])), sourced);
    assert.equal(there.PATH, PATH);
  });

  it('is the wheels where nothing else is, free of another Python', (test) => {
    const there = environment({
      PATH,
      ELDERLY_BOT_ROS_PREFIX: checkout.path('wheels'),
      PYTHONPATH: '/p',
      VIRTUAL_ENV: '/v',
      PYTHONHOME: '/h',
    });
    if (there.AMENT_PREFIX_PATH?.startsWith('/opt/ros/')) return test.skip('this machine has a ROS in /opt/ros');
    const wheels = checkout.path('wheels');
    assert.equal(there.AMENT_PREFIX_PATH, wheels);
    assert.equal(there.LD_LIBRARY_PATH, `${wheels}/lib:${wheels}/lib/python3.11/site-packages/ros_rcl.libs`);
    assert.deepEqual([there.PYTHONPATH, there.VIRTUAL_ENV, there.PYTHONHOME], [undefined, undefined, undefined]);
  });

  it('has a log folder that can be written, which rcl needs to live', () => {
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
