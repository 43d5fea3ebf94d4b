// The command line. Each command's code is loaded only when it runs, so that --help is quick.
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { misuse } from '../base/index.ts';
import { VERSION } from '../version.ts';
import { exitWith, report } from './exit.ts';
import { maybeWhole, whole } from './numbers.ts';
import { type RosArguments, takeRosArguments } from './rosArguments.ts';

const configOption = {
  config: { alias: 'c', type: 'string', requiresArg: true, describe: 'Configuration file; config/default.yaml lies beneath it' },
} as const;

const jsonOption = { json: { type: 'boolean', default: false, describe: 'Print JSON for a program to read' } } as const;

const { words, remap, unused } = rosArguments();
if (unused.length > 0) process.stderr.write(`elderly-bot: no use for ${unused.join(', ')}\n`);

await yargs(words)
  .scriptName('elderly-bot')
  .usage('$0 <command>\n\nThe edge agent of a robot that watches over an elderly person.')
  .command('run', 'Run the agent until it is stopped', configOption, async ({ config }) => {
    const { run } = await import('./run.ts');
    await exitWith(() => run(config, { remap }));
  })
  .command('guard', 'Run the guard, which stops the robot if the agent dies while it moves', configOption, async ({ config }) => {
    const { guard } = await import('./guard.ts');
    await exitWith(() => guard(config, remap));
  })
  .command(
    'status',
    'Show what a running agent does and what is wrong',
    { ...configOption, ...jsonOption, watch: { alias: 'w', type: 'boolean', default: false, describe: 'Look each second, until Ctrl-C' } },
    async ({ config, json, watch: again }) => {
      const { status, watch } = await import('./status.ts');
      await exitWith(() => (again ? watch(config, json) : status(config, json)));
    },
  )
  .command(
    'doctor',
    'Find out what is wrong: every part from ROS 2 to the cloud, the cause first, with what to do',
    {
      ...configOption,
      ...jsonOption,
      all: { type: 'boolean', default: false, describe: 'Also show what is fine' },
      'ros-look': { type: 'boolean', default: false, hidden: true },
    },
    async ({ config, json, all, rosLook }) => {
      if (rosLook) {
        const { lookAndReport } = await import('../doctor/index.ts');
        await exitWith(() => lookAndReport(config, remap));
      } else {
        const { doctor } = await import('./doctor.ts');
        await exitWith(() => doctor(config, { json, all, remap }));
      }
      // A disk or a name server that never answers would keep the process.
      process.exit();
    },
  )
  .command(
    'config <what> [file]',
    'init: write one from what is published; check: what is wrong with it; show: where each value comes from; schema: for editors',
    (y) =>
      y
        .positional('what', { choices: ['init', 'check', 'show', 'schema'] as const, demandOption: true })
        .positional('file', { type: 'string', describe: 'check, show: the configuration, as --config; init: the new file' })
        .options({ ...configOption, ...jsonOption })
        .option('effective', { type: 'boolean', default: true, describe: 'show: all layers as one, which is what runs' })
        .option('thing', { type: 'string', default: 'elderly-bot', requiresArg: true, describe: 'init: this robot’s thing name' })
        .option('endpoint', { type: 'string', default: 'localhost', requiresArg: true, describe: 'init: the broker, HOST or HOST:PORT' })
        .check(
          ({ what, file, config }) =>
            what !== 'init' || file !== undefined || config !== undefined || 'config init needs the name of a new file',
        ),
    async ({ what, config, file = config, json, thing, endpoint }) => {
      if (what === 'init') {
        const { init } = await import('./configInit.ts');
        return exitWith(() => init({ file: file ?? '', thing, endpoint, json }));
      }
      const { check, show, schema } = await import('./config.ts');
      return exitWith(() => (what === 'check' ? check(file) : what === 'show' ? show(file, json) : schema()));
    },
  )
  .command(
    'topics',
    'Show what is published on this robot now: type, rate, quality of service, publishers, and which channel takes it',
    { ...configOption, ...jsonOption, watch: { type: 'boolean', default: false, describe: 'Look again and again, until Ctrl-C' } },
    async ({ config, json, watch }) => {
      const { topics } = await import('./topics.ts');
      await exitWith(() => topics(config, { json, watch, remap }));
    },
  )
  .command(
    'replay <record>',
    'Show which alerts another configuration (--config) would have made of recorded readings (outbox export; - reads standard input)',
    (y) => y.positional('record', { type: 'string', demandOption: true }).options({ ...configOption, ...jsonOption }),
    async ({ record, config, json }) => {
      const { replay } = await import('./replay.ts');
      await exitWith(() => replay(record, config, json));
    },
  )
  .command(
    'reload',
    'Have a running agent read its configuration again: what changed counts at once, a bad file changes nothing',
    { ...configOption, ...jsonOption },
    async ({ config, json }) => {
      const { reload } = await import('./reload.ts');
      await exitWith(() => reload(config, json));
    },
  )
  .command(
    'logs',
    'Show what the agent logged, from its files: beside a running agent, or after one that died',
    {
      ...configOption,
      json: { type: 'boolean', default: false, describe: 'Print the lines as they are, in JSON' },
      follow: { alias: 'f', type: 'boolean', default: false, describe: 'Wait for more, until Ctrl-C' },
      since: { type: 'string', requiresArg: true, describe: 'Only later lines: 10m, 2h, 3d, or a time such as 2026-11-23T04:00:00Z' },
      level: {
        choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const,
        default: 'trace' as const,
        describe: 'Only lines of this level and above',
      },
    },
    async ({ config, json, follow, since, level }) => {
      const { logs } = await import('./logs.ts');
      await exitWith(() => logs({ file: config, json, follow, since, level }));
    },
  )
  .command(
    'restore <backup>',
    'Put a backup (a file, or latest: the newest in state_dir/backups) in the outbox’s place; what is there is set aside. Stop the agent first',
    (y) => y.positional('backup', { type: 'string', demandOption: true }).options(configOption),
    async ({ config, backup }) => {
      const { restore } = await import('./restore.ts');
      await exitWith(() => restore(config, backup));
    },
  )
  .command(
    'outbox <what> [seq]',
    'Look into the queue beside a running agent: stats, ls, show SEQ, verify, export (readings as JSON lines)',
    (y) =>
      y
        .positional('what', { choices: ['stats', 'ls', 'show', 'verify', 'export'] as const, demandOption: true })
        .positional('seq', { type: 'number', describe: 'show: the number of the row', coerce: maybeWhole('seq', 0) })
        .options({ ...configOption, ...jsonOption })
        .option('class', { choices: ['alert', 'result', 'event', 'telemetry'] as const, describe: 'ls, export: only this class' })
        .option('state', { choices: ['pending', 'sent', 'confirmed'] as const, describe: 'ls, export: only rows in this state' })
        .option('channel', { type: 'string', requiresArg: true, describe: 'ls, export: only this channel' })
        .option('outbox', { type: 'string', requiresArg: true, describe: 'ls, show, export: only this outbox id' })
        .option('after', {
          type: 'number',
          requiresArg: true,
          describe: 'ls, export: only rows numbered beyond this',
          coerce: maybeWhole('--after', 0),
        })
        .option('limit', { type: 'number', default: 50, requiresArg: true, describe: 'ls: at most so many', coerce: whole('--limit', 1) })
        .check(({ what, seq }) => what !== 'show' || Number.isSafeInteger(seq) || 'outbox show needs the number of a row'),
    async ({ what, seq = 0, config, json, limit, class: rowClass, state, channel, outbox: id, after }) => {
      const outbox = await import('./outbox.ts');
      const filter = { class: rowClass, state, channel, outbox: id, after };
      await exitWith(() => {
        if (what === 'stats') return outbox.stats(config, json);
        if (what === 'ls') return outbox.ls(config, json, limit, filter);
        if (what === 'show') return outbox.show(config, json, seq, id);
        return what === 'verify' ? outbox.verify(config, json) : outbox.exportReadings(config, filter);
      });
    },
  )
  .command(
    ['commands [what]'],
    'List the commands that are configured, or `commands log`: what came and what became of it',
    (y) =>
      y
        .positional('what', { choices: ['list', 'log'] as const, default: 'list' as const })
        .options({ ...configOption, ...jsonOption })
        .option('limit', {
          type: 'number',
          default: 20,
          requiresArg: true,
          describe: 'log: the latest so many',
          coerce: whole('--limit', 1),
        }),
    async ({ what, config, json, limit }) => {
      const { commands, log } = await import('./commands.ts');
      await exitWith(() => (what === 'log' ? log(config, limit, json) : commands(config, json)));
    },
  )
  .command(
    'send <name> [words..]',
    'Send a command as the cloud would, and show the result: VALUE, or NAME=VALUE for each argument',
    (y) =>
      y
        .positional('name', { type: 'string', demandOption: true })
        .positional('words', { type: 'string', array: true, default: [] as string[] })
        .options({ ...configOption, ...jsonOption })
        .option('cert', {
          type: 'string',
          requiresArg: true,
          describe: 'The cloud’s certificate; else cloud.crt.pem beside the robot’s own',
        })
        .option('key', { type: 'string', requiresArg: true, describe: 'Its private key; else cloud.key.pem there' })
        .option('ttl', {
          type: 'number',
          requiresArg: true,
          describe: 'Seconds it is valid; else 10, or what the configuration allows',
          coerce: maybeWhole('--ttl', 1),
        })
        .option('timeout', {
          type: 'number',
          default: 15,
          requiresArg: true,
          describe: 'Seconds to wait for the result',
          coerce: whole('--timeout', 1, 3_600),
        }),
    async ({ config, name, words, cert, key, ttl, timeout, json }) => {
      const { send } = await import('./send.ts');
      await exitWith(() => send({ file: config, name, words, cert, key, ttlS: ttl, timeoutS: timeout, json }));
    },
  )
  .command(
    'service <what>',
    'The agent and its guard as systemd services: install, uninstall (keeps the state), status, logs',
    (y) =>
      y
        .positional('what', { choices: ['install', 'uninstall', 'status', 'logs'] as const, demandOption: true })
        .options(configOption)
        .option('user', {
          type: 'string',
          requiresArg: true,
          describe: 'install: who runs it, the user of the robot’s ROS nodes; else who called sudo',
        })
        .option('root', { type: 'string', requiresArg: true, describe: 'install, uninstall: only files, below this folder' })
        .option('follow', { alias: 'f', type: 'boolean', default: false, describe: 'logs: go on until Ctrl-C' })
        .option('lines', {
          type: 'number',
          default: 100,
          requiresArg: true,
          describe: 'logs: the latest so many',
          coerce: whole('--lines', 0),
        }),
    async ({ what, config, user, root, follow, lines }) => {
      const service = await import('../service/index.ts');
      await exitWith(async () => {
        if (what === 'install') return service.install({ config, user, root });
        if (what === 'uninstall') return service.uninstall(root);
        return what === 'status' ? service.status() : service.logs(follow, lines);
      });
    },
  )
  .command('certs', 'Keys and certificates: init, import, provision, rotate, show, verify, dev-ca', async (y) => {
    const { certsCommands } = await import('./certs/commands.ts');
    return certsCommands(y);
  })
  .command(
    'simulate',
    'A house for any configuration: plausible sensors, faults by key or script; without ROS 2 (--no-ros) the agent runs in it',
    {
      ...configOption,
      ...jsonOption,
      ros: { type: 'boolean', default: true, describe: 'Publish on ROS 2; --no-ros: the agent in this process, on a ROS in memory' },
      script: { type: 'string', requiresArg: true, describe: 'What happens when: lines such as `5s fall on`, `20s gas mute`, `1m stop`' },
    },
    async ({ config, json, ros, script }) => {
      const { simulate } = await import('./simulate.ts');
      await exitWith(() => simulate({ file: config, ros, script, json }));
    },
  )
  .command('bench', 'What this link can do: latency, throughput, outage; `bench mosquitto` makes a broker for a bench', async (y) => {
    const { benchCommands } = await import('./benchCommands.ts');
    return benchCommands(y);
  })
  .command('version', 'The versions of everything a bug report needs', jsonOption, async ({ json }) => {
    const { version } = await import('./version.ts');
    await exitWith(() => version(json));
  })
  .completion('completion', 'Print a script for bash or zsh that completes commands and options')
  .example('$0 run --config robot.yaml', 'run on a robot')
  .example('$0 doctor', 'why is it silent?')
  .example('$0 completion >> ~/.bashrc', 'complete commands with the tab key')
  .epilogue(
    '--ros-args -r FROM:=TO at the end remaps topics, __node and __ns, as for any ROS node (run, guard, topics, doctor).\n\nExit codes: 0 done, 1 it failed, 2 something has to be mended first (configuration, certificates, ROS 2, disk).',
  )
  .demandCommand(1, 'Which command?')
  .strict()
  .recommendCommands()
  .version(VERSION)
  .wrap(Math.min(120, process.stdout.columns ?? 100))
  .fail((message, error, at) => {
    process.stderr.write(`elderly-bot: ${misuse('elderly-bot', message ?? error.message, String(at.help()))}\n`);
    process.exit(2);
  })
  .parseAsync();

function rosArguments(): RosArguments {
  try {
    return takeRosArguments(hideBin(process.argv));
  } catch (error) {
    process.exit(report(error));
  }
}
