// The command line. Each command's code is loaded only when it runs, so that --help is quick.
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { misuse } from '../../src/base/index.ts';
import { exitWith, print } from './cli/exit.ts';
import { VERSION } from './version/index.ts';

const jsonOption = { json: { type: 'boolean', default: false, describe: 'Print JSON for a program to read' } } as const;
const phone = { type: 'string', demandOption: true, describe: 'As it was registered, such as +391234567' } as const;
const thing = { type: 'string', demandOption: true, describe: 'The robot, by its thing name' } as const;

await yargs(hideBin(process.argv))
  .scriptName('elderly-bot-cloud')
  .usage(
    '$0 <command>\n\nThe slim cloud API behind elderly-bot. Its settings come from the environment and from .env in the folder it runs in.',
  )
  .command('serve', 'Run the cloud until it is stopped', {}, async () => {
    const { serve } = await import('./cli/serve.ts');
    await exitWith(serve);
  })
  .command('migrate', 'Bring the tables to this version and end; serve does so too', {}, async () => {
    const { migrateTables } = await import('./cli/migrate.ts');
    await exitWith(migrateTables);
  })
  .command(
    'service <what>',
    'The cloud as a systemd service on this server: install, uninstall (keeps settings and database), status, logs',
    (y) =>
      y
        .positional('what', { choices: ['install', 'uninstall', 'status', 'logs'] as const, demandOption: true })
        .option('user', { type: 'string', default: 'elderly-bot-cloud', requiresArg: true, describe: 'install: who runs it' })
        .option('root', { type: 'string', requiresArg: true, describe: 'install, uninstall: only files, below this folder' })
        .option('follow', { alias: 'f', type: 'boolean', default: false, describe: 'logs: go on until Ctrl-C' })
        .option('lines', { type: 'number', default: 100, requiresArg: true, describe: 'logs: the latest so many' })
        .check(({ lines }) => (Number.isSafeInteger(lines) && lines >= 0) || '--lines: expected a whole number of at least 0'),
    async ({ what, user, root, follow, lines }) => {
      const service = await import('./cli/service.ts');
      await exitWith(async () => {
        if (what === 'install') return service.install({ user, root });
        if (what === 'uninstall') return service.uninstall(root);
        return what === 'status' ? service.status() : service.logs(follow, lines);
      });
    },
  )
  .command(
    'invite <phone> <thing>',
    'Make somebody who has registered a member of a robot: alerts, pictures, commands',
    (y) => y.positional('phone', phone).positional('thing', thing),
    async (args) => {
      const { inviteMember } = await import('./cli/members.ts');
      await exitWith(() => inviteMember(args.phone, args.thing));
    },
  )
  .command(
    'revoke <phone> <thing>',
    'End somebody’s membership of a robot, from their next request on',
    (y) => y.positional('phone', phone).positional('thing', thing),
    async (args) => {
      const { revokeMember } = await import('./cli/members.ts');
      await exitWith(() => revokeMember(args.phone, args.thing));
    },
  )
  .command(
    'device <what> [thing] [certificate]',
    'Robots’ certificates, by which uploads are taken: add THING CERT, revoke THING CERT, list [THING]',
    (y) =>
      y
        .positional('what', { choices: ['add', 'revoke', 'list'] as const, demandOption: true })
        .positional('thing', { type: 'string', describe: thing.describe })
        .positional('certificate', { type: 'string', describe: 'add, revoke: its certificate, a PEM file' })
        .options(jsonOption)
        .check(({ what, certificate }) => what === 'list' || certificate !== undefined || `device ${what} needs THING and CERT`),
    async ({ what, thing: name = '', certificate = '', json }) => {
      const { addDevice, revokeDevice, listDevices } = await import('./cli/device.ts');
      await exitWith(() => {
        if (what === 'list') return listDevices(name || undefined, json);
        return what === 'add' ? addDevice(name, certificate) : revokeDevice(name, certificate);
      });
    },
  )
  .command(
    'silence <thing> <time>',
    'How long this robot may be silent before that is an alert',
    (y) =>
      y
        .positional('thing', thing)
        .positional('time', { type: 'string', demandOption: true, describe: 'Such as 45m or 2h; off; default: ROBOT_SILENT_AFTER' }),
    async ({ thing: name, time }) => {
      const { silenceAfter } = await import('./cli/silence.ts');
      await exitWith(() => silenceAfter(name, time));
    },
  )
  .command(
    'backup <file>',
    'Write the whole database into a file: what pg_dump writes, or the folder of the database in the process as tar.gz',
    (y) => y.positional('file', { type: 'string', demandOption: true, describe: 'A new file; it becomes readable by its owner only' }),
    async ({ file }) => {
      const { backup } = await import('./cli/backup.ts');
      await exitWith(() => backup(file));
    },
  )
  .command(
    'policies <who>',
    'Print what robot and cloud may do at the broker: an AWS IoT policy, or an access control list for Mosquitto',
    (y) =>
      y
        .positional('who', { choices: ['robot', 'cloud', 'mosquitto'] as const, demandOption: true })
        .option('prefix', {
          type: 'string',
          default: 'elderly_bot',
          requiresArg: true,
          describe: 'TOPIC_PATTERN; fleet/+ for several robots',
        })
        .option('region', { type: 'string', default: 'REGION', requiresArg: true, describe: 'robot, cloud: of your AWS IoT Core' })
        .option('account', { type: 'string', default: 'ACCOUNT', requiresArg: true, describe: 'robot, cloud: your AWS account' })
        .option('thing', {
          type: 'string',
          default: 'elderly-bot',
          requiresArg: true,
          describe: 'mosquitto: the robot, where the prefix has no +',
        }),
    async ({ who, prefix, region, account, thing: name }) => {
      const { printPolicy } = await import('./cli/policies.ts');
      await exitWith(() => printPolicy(who, { prefix, region, account, thing: name }));
    },
  )
  .command(
    'doctor',
    'Look for what is wrong, and say what to do: settings, certificates, database, broker, nginx, bucket',
    jsonOption,
    async ({ json }) => {
      const { doctor } = await import('./cli/doctor.ts');
      await exitWith(() => doctor(json));
    },
  )
  .command('openapi', 'Print the OpenAPI 3.1 document of the routes', {}, async () => {
    const { printOpenApi } = await import('./cli/openapi.ts');
    await exitWith(printOpenApi);
  })
  .command('version', 'Print the version', {}, () => print(VERSION))
  .example('$0 serve', 'run it')
  .example('$0 doctor', 'why does it not work?')
  .example('sudo $0 service install', 'let systemd run it')
  .example('$0 invite +391234567 elderly-bot', 'let somebody see the robot')
  .example('$0 device add elderly-bot robot.crt.pem', 'take pictures from the robot')
  .example('$0 policies robot --region eu-central-1 --account 123456789012', 'the policy to attach to robots’ certificates')
  .example('$0 backup elderly-bot.dump', 'before an upgrade')
  .epilogue('Exit codes: 0 done, 1 it failed (database, port, pg_dump), 2 the command line or the settings have to be mended first.')
  .demandCommand(1, 'Which command? --help lists them.')
  .strict()
  .recommendCommands()
  .parserConfiguration({ 'parse-positional-numbers': false })
  .version(VERSION)
  .wrap(Math.min(120, process.stdout.columns ?? 100))
  .fail((message, error, at) => {
    process.stderr.write(`elderly-bot-cloud: ${misuse('elderly-bot-cloud', message ?? error.message, String(at.help()))}\n`);
    process.exit(2);
  })
  .parseAsync();
