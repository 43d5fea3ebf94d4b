// Declares the command line. Each handler is imported only when it runs, to keep the start fast.
import yargs, { type Argv } from 'yargs';
import { hideBin } from 'yargs/helpers';
import { allowSlowNetworks, misuse, print, printError, terminalColumns } from '../../src/base/index.ts';
import { exitWith } from './cli/exit.ts';
import { VERSION } from './version/index.ts';

const jsonOption = { json: { type: 'boolean', default: false, describe: 'Print JSON for programs' } } as const;
const phone = { type: 'string', demandOption: true, describe: 'The registered phone number, such as +391234567' } as const;
const thing = { type: 'string', demandOption: true, describe: 'The thing name of the robot' } as const;
const membership = (y: Argv) => y.positional('phone', phone).positional('thing', thing);

allowSlowNetworks();

await yargs(hideBin(process.argv))
  .scriptName('elderly-bot-cloud')
  .usage(
    '$0 <command>\n\nThe slim cloud API of elderly-bot. It reads its settings from the environment and from .env in the working directory.',
  )
  .command('serve', 'Run the cloud until it is stopped', {}, () => exitWith(async () => (await import('./cli/serve.ts')).serve()))
  .command('migrate', 'Migrate the tables to this version and exit; serve does this too', {}, () =>
    exitWith(async () => (await import('./cli/database.ts')).migrateAll()),
  )
  .command(
    'service <action>',
    'Run the cloud as a systemd service on this server: install, uninstall (keeps settings and database), status, logs',
    (y) =>
      y
        .positional('action', { choices: ['install', 'uninstall', 'status', 'logs'] as const, demandOption: true })
        .option('user', { type: 'string', default: 'elderly-bot-cloud', requiresArg: true, describe: 'install: the user of the service' })
        .option('root', { type: 'string', requiresArg: true, describe: 'install, uninstall: change only files below this folder' })
        .option('follow', { alias: 'f', type: 'boolean', default: false, describe: 'logs: print new lines until Ctrl-C' })
        .option('lines', { type: 'number', default: 100, requiresArg: true, describe: 'logs: the number of latest lines' })
        .check(({ lines }) => (Number.isSafeInteger(lines) && lines >= 0) || '--lines: expected a whole number of at least 0'),
    ({ action, user, root, follow, lines }) =>
      exitWith(async () => {
        const { install, uninstall, services } = await import('./cli/service.ts');
        if (action === 'install') return install(user, root);
        if (action === 'uninstall') return uninstall(root);
        return action === 'status' ? services.status() : services.logs(follow, lines);
      }),
  )
  .command('invite <phone> <thing>', 'Add a registered user to the members of a robot: alerts, pictures, commands', membership, (args) =>
    exitWith(async () => (await import('./cli/robots.ts')).inviteMember(args.phone, args.thing)),
  )
  .command('revoke <phone> <thing>', 'Remove a user from the members of a robot, from the next request on', membership, (args) =>
    exitWith(async () => (await import('./cli/robots.ts')).revokeMember(args.phone, args.thing)),
  )
  .command(
    'device <action> [thing] [certificate]',
    'Manage the certificates that identify robots for uploads: add THING CERT, revoke THING CERT, list [THING]',
    (y) =>
      y
        .positional('action', { choices: ['add', 'revoke', 'list'] as const, demandOption: true })
        .positional('thing', { type: 'string', describe: thing.describe })
        .positional('certificate', { type: 'string', describe: "add, revoke: a PEM file with the robot's certificate" })
        .options(jsonOption)
        .check(({ action, certificate }) => action === 'list' || certificate !== undefined || `device ${action} needs THING and CERT`),
    ({ action, thing: name = '', certificate = '', json }) =>
      exitWith(async () => {
        const { addDevice, revokeDevice, listDevices } = await import('./cli/devices.ts');
        if (action === 'list') return listDevices(name || undefined, json);
        return action === 'add' ? addDevice(name, certificate) : revokeDevice(name, certificate);
      }),
  )
  .command(
    'silence <thing> <time>',
    'Set the time after which the silence of a robot is an alert',
    (y) =>
      y
        .positional('thing', thing)
        .positional('time', { type: 'string', demandOption: true, describe: '45m or 2h, for example; off; default (ROBOT_SILENT_AFTER)' }),
    (args) => exitWith(async () => (await import('./cli/robots.ts')).silenceAfter(args.thing, args.time)),
  )
  .command(
    'robot <action> <thing>',
    'Forget the topic prefix and the marks of a robot, which its next message sets: after a move to another prefix, or a false mark',
    (y) => y.positional('action', { choices: ['reset'] as const, demandOption: true }).positional('thing', thing),
    (args) => exitWith(async () => (await import('./cli/robots.ts')).resetMarks(args.thing)),
  )
  .command(
    'backup <file>',
    'Write the whole database to a file: a dump of pg_dump, or the folder of the database in the process as tar.gz',
    (y) => y.positional('file', { type: 'string', demandOption: true, describe: 'A new file; only its owner can read it' }),
    ({ file }) => exitWith(async () => (await import('./cli/backup.ts')).backup(file)),
  )
  .command(
    'policies <kind>',
    'Print the rights of robot and cloud at the broker: an AWS IoT policy, or an access control list for Mosquitto',
    (y) =>
      y
        .positional('kind', { choices: ['robot', 'cloud', 'mosquitto'] as const, demandOption: true })
        .option('prefix', {
          type: 'string',
          default: 'elderly_bot',
          requiresArg: true,
          describe: 'TOPIC_PATTERN; fleet/+ for several robots',
        })
        .option('region', { type: 'string', default: 'REGION', requiresArg: true, describe: 'robot, cloud: the region of AWS IoT Core' })
        .option('account', { type: 'string', default: 'ACCOUNT', requiresArg: true, describe: 'robot, cloud: the AWS account' })
        .option('thing', {
          type: 'string',
          default: 'elderly-bot',
          requiresArg: true,
          describe: 'mosquitto: the robot, if the prefix has no +',
        }),
    ({ kind, ...options }) => exitWith(async () => (await import('./cli/policies.ts')).printPolicy(kind, options)),
  )
  .command(
    'doctor',
    'Find faults and print their remedies: settings, certificates, database, broker, nginx, bucket',
    jsonOption,
    ({ json }) => exitWith(async () => (await import('./cli/doctor.ts')).doctor(json)),
  )
  .command('openapi', 'Print the OpenAPI 3.1 document of the routes', {}, () =>
    exitWith(async () => (await import('./cli/openapi.ts')).printOpenApi()),
  )
  .command('version', 'Print the version', {}, () => print(VERSION))
  .example('$0 serve', 'run the cloud')
  .example('$0 doctor', 'find out why something does not work')
  .example('sudo $0 service install', 'run the cloud as a systemd service')
  .example('$0 invite +391234567 elderly-bot', 'make a user a member of the robot')
  .example('$0 device add elderly-bot robot.crt.pem', 'accept uploads of the robot')
  .example('$0 policies robot --region eu-central-1 --account 123456789012', 'print the policy for robots’ certificates')
  .example('$0 backup elderly-bot.dump', 'save the database before an upgrade')
  .epilogue('Exit codes: 0 success, 1 failure (database, port, pg_dump), 2 if the command line or the settings have to be corrected first.')
  .demandCommand(1, 'Which command?')
  .strict()
  .recommendCommands()
  .parserConfiguration({ 'parse-positional-numbers': false })
  .version(VERSION)
  .wrap(Math.min(120, terminalColumns()))
  .fail((message, error, at) => {
    printError(`elderly-bot-cloud: ${misuse('elderly-bot-cloud', message ?? error.message, String(at.help()))}`);
    process.exit(2);
  })
  .parseAsync();
