// Declares the command line. To keep --help fast, each handler imports its command's code only when it runs.
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { allowSlowNetworks, exitWith, keepFilesPrivate, misuse, print, printError, terminalColumns } from '../base/index.ts';
import { VERSION } from '../version.ts';
import { CONFIG, handler, JSON_OUTPUT, reportError, wholeOption } from './options.ts';
import { type RosArguments, takeRosArguments } from './rosArguments.ts';

keepFilesPrivate();
allowSlowNetworks();

const { words, remap, unused } = rosArguments();
if (unused.length > 0) printError(`elderly-bot: ignored: ${unused.join(', ')}`);

await yargs(words)
  .scriptName('elderly-bot')
  .usage('$0 <command>\n\nThe edge agent of a robot that watches over an elderly person.')
  .command(
    'run',
    'Run the agent until a signal stops it',
    CONFIG,
    handler(() => import('./run.ts'))(({ run }, { config }) => run(config, { remap })),
  )
  .command(
    'guard',
    'Run the guard, which stops the robot if the agent fails during a motion',
    CONFIG,
    handler(() => import('./guard.ts'))(({ guard }, { config }) => guard(config, remap)),
  )
  .command(
    'status',
    'Show the state and the problems of a running agent',
    { ...CONFIG, ...JSON_OUTPUT, watch: { alias: 'w', type: 'boolean', default: false, describe: 'Refresh every second until Ctrl-C' } },
    handler(() => import('./status.ts'))(({ status, watch }, { config, json, watch: isRepeated }) =>
      isRepeated ? watch(config, json) : status(config, json),
    ),
  )
  .command(
    'doctor',
    'Check every part from ROS 2 to the cloud, and list root causes first, each with a remedy',
    {
      ...CONFIG,
      ...JSON_OUTPUT,
      all: { type: 'boolean', default: false, describe: 'Also list the checks that found nothing' },
      'ros-probe': { type: 'boolean', default: false, hidden: true },
    },
    async ({ config, json, all, rosProbe }) => {
      await exitWith(async () => {
        if (rosProbe) return (await import('../doctor/index.ts')).probeAndReport(config, remap);
        return (await import('./doctor.ts')).doctor(config, remap, json, all);
      }, reportError);
      // A check may have left a request open, for example to a disk or a name server that does not answer. Do not wait for it.
      process.exit();
    },
  )
  .command(
    'config <what> [file]',
    'init: create a file from the published topics; check: validate a file, also against the installed message definitions; show: print each value and its source; schema: print the JSON schema',
    (y) =>
      y
        .positional('what', { choices: ['init', 'check', 'show', 'schema'] as const, demandOption: true })
        .positional('file', { type: 'string', describe: 'check, show: the configuration, like --config; init: the new file' })
        .options({ ...CONFIG, ...JSON_OUTPUT })
        .option('effective', { type: 'boolean', default: true, describe: 'show: the merged layers, as the agent uses them' })
        .option('thing', { type: 'string', default: 'elderly-bot', requiresArg: true, describe: 'init: thing name of this robot' })
        .option('endpoint', { type: 'string', default: 'localhost', requiresArg: true, describe: 'init: the broker, HOST or HOST:PORT' })
        .option('api', { type: 'string', requiresArg: true, describe: 'init: the origin of the cloud API, which cameras need' })
        .option('namespace', { type: 'string', requiresArg: true, describe: 'init: the namespace of the robot, such as /robot1' })
        .option('state-dir', { type: 'string', requiresArg: true, describe: 'init: the state directory; default: one that you may write' })
        .option('force', { type: 'boolean', default: false, describe: 'init: replace an existing file' })
        .check(
          ({ what, file, config }) =>
            what !== 'init' || file !== undefined || config !== undefined || 'config init needs the name of a new file',
        ),
    handler(() => import('./config.ts'))(async ({ show, schema }, { what, config, file = config, json, ...options }) => {
      if (what === 'init') return (await import('./configInit.ts')).init(file ?? '', { ...options, json });
      if (what === 'check') return (await import('./configCheck.ts')).check(file, json);
      return what === 'show' ? show(file, json) : schema();
    }),
  )
  .command('topics', 'Show the published topics; `topics show|echo|hz|pub` shows, receives, measures or publishes one', async (y) => {
    const { topicCommands } = await import('./subcommands.ts');
    return topicCommands(y, remap);
  })
  .command(
    'replay <record>',
    'Run recorded readings through another configuration (--config) and show how the alerts change',
    (y) =>
      y
        .positional('record', { type: 'string', demandOption: true, describe: 'File from `outbox export`; - reads standard input' })
        // Without this, yargs passes an empty string in place of a single hyphen.
        .nargs('record', 1)
        .options({ ...CONFIG, ...JSON_OUTPUT }),
    handler(() => import('./replay.ts'))(({ replay }, { record, config, json }) => replay(record, config, json)),
  )
  .command(
    'reload',
    'Make a running agent read its configuration again; an invalid file changes nothing',
    { ...CONFIG, ...JSON_OUTPUT },
    handler(() => import('./config.ts'))(({ reload }, { config, json }) => reload(config, json)),
  )
  .command(
    'logs',
    'Show the log of the agent from its files, also after the agent has ended',
    {
      ...CONFIG,
      json: { type: 'boolean', default: false, describe: 'Print the lines unchanged, as JSON' },
      follow: { alias: 'f', type: 'boolean', default: false, describe: 'Wait for new lines until Ctrl-C' },
      since: { type: 'string', requiresArg: true, describe: 'Only later lines: 10m, 2h, 3d, or a time such as 2026-11-23T04:00:00Z' },
      level: {
        choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const,
        default: 'trace' as const,
        describe: 'Only lines of this level and above',
      },
    },
    handler(() => import('./logs.ts'))(({ logs }, args) => logs(args)),
  )
  .command(
    'restore <backup>',
    'Replace the outbox by a backup and keep the old file; stop the agent first',
    (y) =>
      y
        .positional('backup', { type: 'string', demandOption: true, describe: 'A file, or latest: the newest in state_dir/backups' })
        .options(CONFIG)
        .option('identity', {
          type: 'string',
          requiresArg: true,
          describe: 'File with the private age key for a sealed backup; - reads stdin',
        })
        .option('signer', {
          type: 'string',
          requiresArg: true,
          describe: 'Id of the certificate that signed it, if it is not this robot’s',
        })
        .option('unverified', { type: 'boolean', default: false, describe: 'Restore it although nothing shows who made it' })
        .example('$0 restore latest', 'go back to the newest backup on this robot')
        .example('$0 restore from-the-bucket.bak --identity family.key', 'restore a sealed backup'),
    handler(() => import('./restore.ts'))(({ restore }, { config, backup, identity, signer, unverified }) =>
      restore({ configFile: config, backup, identity, signer, isUnverified: unverified }),
    ),
  )
  .command(
    'outbox <what> [seq]',
    'Inspect the queue, also while the agent runs: stats, ls, show SEQ, verify, export (readings as JSON lines)',
    (y) =>
      y
        .positional('what', { choices: ['stats', 'ls', 'show', 'verify', 'export'] as const, demandOption: true })
        .positional('seq', wholeOption('seq', 'show: number of the row', undefined, 0))
        .options({ ...CONFIG, ...JSON_OUTPUT })
        .option('class', { choices: ['alert', 'result', 'event', 'telemetry'] as const, describe: 'ls, export: only this class' })
        .option('state', { choices: ['pending', 'sent', 'confirmed'] as const, describe: 'ls, export: only rows in this state' })
        .option('channel', { type: 'string', requiresArg: true, describe: 'ls, export: only this channel' })
        .option('outbox', { type: 'string', requiresArg: true, describe: 'ls, show, export: only this outbox id' })
        .option('after', wholeOption('--after', 'ls, export: only rows with a higher number', undefined, 0))
        .option('limit', wholeOption('--limit', 'ls: maximum number of rows', 50, 1))
        .check(({ what, seq }) => what !== 'show' || Number.isSafeInteger(seq) || 'outbox show needs the number of a row'),
    handler(() => import('./outbox.ts'))(
      (outbox, { what, seq = 0, config, json, limit, class: rowClass, state, channel, outbox: id, after }) => {
        const filter = { class: rowClass, state, channel, outbox: id, after };
        if (what === 'stats') return outbox.stats(config, json);
        if (what === 'ls') return outbox.ls(config, json, limit, filter);
        if (what === 'show') return outbox.show(config, json, seq, id);
        return what === 'verify' ? outbox.verify(config, json) : outbox.exportReadings(config, filter);
      },
    ),
  )
  .command('commands', 'List the configured commands; `commands log` lists received ones, `commands sign` signs one', async (y) => {
    const { commandCommands } = await import('./familyCommands.ts');
    return commandCommands(y);
  })
  .command('pair', 'Pair the family’s devices, whose signatures commands may need: add, list, revoke', async (y) => {
    const { pairCommands } = await import('./familyCommands.ts');
    return pairCommands(y);
  })
  .command(
    'send <name> [words..]',
    'Send a command with the cloud’s certificate and show the result',
    (y) =>
      y
        .positional('name', { type: 'string', demandOption: true, describe: 'Name of the command' })
        .positional('words', { type: 'string', array: true, default: [] as string[], describe: 'VALUE, or NAME=VALUE for each argument' })
        .options({ ...CONFIG, ...JSON_OUTPUT })
        .option('cert', {
          type: 'string',
          requiresArg: true,
          describe: 'Certificate of the cloud; default: cloud.crt.pem beside the robot’s certificate',
        })
        .option('key', {
          type: 'string',
          requiresArg: true,
          describe: 'Private key of the cloud; default: cloud.key.pem in the same folder',
        })
        .option('sign', { type: 'string', requiresArg: true, describe: 'Private key of a paired device (PEM), which signs the command' })
        .option('ttl', wholeOption('--ttl', 'Validity in seconds; default: 10, or the limit of the configuration', undefined, 1))
        .option('timeout', wholeOption('--timeout', 'Seconds to wait for the result', 15, 1, 3_600)),
    handler(() => import('./send.ts'))(({ send }, args) => send(args)),
  )
  .command(
    'service <what>',
    'Manage the agent and its guard as systemd services: install, uninstall (keeps the state), status, logs',
    (y) =>
      y
        .positional('what', { choices: ['install', 'uninstall', 'status', 'logs'] as const, demandOption: true })
        .options(CONFIG)
        .option('user', {
          type: 'string',
          requiresArg: true,
          describe: 'install: user of the services; default: elderly-bot, a user of their own, which is created',
        })
        .option('root', { type: 'string', requiresArg: true, describe: 'install, uninstall: change only files below this folder' })
        .option('follow', { alias: 'f', type: 'boolean', default: false, describe: 'logs: continue until Ctrl-C' })
        .option('lines', wholeOption('--lines', 'logs: number of most recent lines', 100, 0)),
    handler(() => import('../service/index.ts'))((service, { what, config, user, root, follow, lines }) => {
      if (what === 'install') return service.install({ config, user, root });
      if (what === 'uninstall') return service.uninstall(root);
      return what === 'status' ? service.status() : service.logs(follow, lines);
    }),
  )
  .command('certs', 'Manage keys and certificates: init, import, provision, rotate, show, verify, dev-ca', async (y) => {
    const { certsCommands } = await import('./subcommands.ts');
    return certsCommands(y);
  })
  .command(
    'simulate',
    'Simulate the sensors of a configuration, with faults by key or script; --no-ros also runs the agent, without ROS 2',
    {
      ...CONFIG,
      ...JSON_OUTPUT,
      ros: { type: 'boolean', default: true, describe: 'Publish on ROS 2; --no-ros runs the agent in this process on a simulated ROS' },
      script: { type: 'string', requiresArg: true, describe: 'Script of faults: lines such as `5s fall on`, `20s gas mute`, `1m stop`' },
    },
    handler(() => import('./simulate.ts'))(({ simulate }, args) => simulate(args)),
  )
  .command('bench', 'Measure the link: latency, throughput, outage; `bench mosquitto` creates a broker for a bench', async (y) => {
    const { benchCommands } = await import('./subcommands.ts');
    return benchCommands(y);
  })
  .command(
    'version',
    'Print all versions that a bug report needs',
    JSON_OUTPUT,
    handler(() => import('../service/index.ts'))(async ({ versions }, { json }) => {
      const lines = Object.entries(versions()).map(([name, text]) => `${name.padEnd(15)} ${text ?? 'none'}`);
      await print(json ? JSON.stringify(versions()) : lines);
      return 0;
    }),
  )
  .completion('completion', 'Print a script for bash or zsh that completes commands and options')
  .example('$0 run --config robot.yaml', 'run on a robot')
  .example('$0 doctor', 'find out why data is missing')
  .example('$0 completion >> ~/.bashrc', 'complete commands with the tab key')
  .epilogue(
    '--ros-args -r FROM:=TO at the end remaps topics, __node and __ns, as for any ROS node (run, guard, topics, doctor).\n\nExit codes: 0 success, 1 failure, 2 a fault that has to be corrected first (configuration, certificates, ROS 2, disk).',
  )
  .demandCommand(1, 'no command was given')
  .check(refuseRepeated, true)
  .parserConfiguration({ 'dot-notation': false })
  .strict()
  .recommendCommands()
  .version(VERSION)
  .wrap(Math.min(120, terminalColumns()))
  .fail((message, error, at) => {
    printError(`elderly-bot: ${misuse('elderly-bot', message ?? error.message, String(at.help()))}`);
    process.exit(2);
  })
  .parseAsync();

/** yargs turns an option that is given twice into an array, which no command expects. @throws Error that names the option */
function refuseRepeated(given: Readonly<Record<string, unknown>>, options: unknown): true {
  const { array: lists } = options as { readonly array: readonly string[] };
  const isRepeated = (name: string) => name.length > 1 && Array.isArray(given[name]) && !lists.includes(name);
  const repeated = Object.keys(given).find(isRepeated);
  if (repeated !== undefined) throw new Error(`--${repeated}: given twice`);
  return true;
}

function rosArguments(): RosArguments {
  try {
    return takeRosArguments(hideBin(process.argv));
  } catch (error) {
    process.exit(reportError(error));
  }
}
