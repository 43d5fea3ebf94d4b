// Declares the subcommands of `elderly-bot certs`, `elderly-bot topics` and `elderly-bot bench`. Each handler imports its command's code
// only when it runs.
import type { Argv } from 'yargs';
import type { Remap } from '../config/index.ts';
import { CONFIG, handler, JSON_OUTPUT, wholeOption } from './options.ts';

const TIMEOUT = { timeout: wholeOption('--timeout', 'Seconds to wait for each answer from the broker', 30, 1, 3_600) };
const KEY = { key: { choices: ['ec', 'rsa'] as const, default: 'ec' as const, describe: 'Kind of the key: EC P-256 or RSA 2048' } };

export function certsCommands(y: Argv): Argv {
  return y
    .command(
      'init',
      'Create a private key that never leaves this robot, and a certificate signing request (CSR)',
      (each) =>
        each
          .options({ ...CONFIG, ...JSON_OUTPUT, ...KEY })
          .option('out', { type: 'string', requiresArg: true, describe: 'Also write the CSR to this file; - prints it' })
          .option('new', { type: 'boolean', default: false, describe: 'Create a new key even if another key waits for its certificate' })
          .example('$0 certs init --out -', 'print the CSR, to paste it into a web page'),
      handler(() => import('./certs/init.ts'))(({ init }, { config, key, out, new: isForced, json }) =>
        init({ file: config, kind: key, out, isForced, json }),
      ),
    )
    .command(
      'import <files..>',
      'Import a certificate: the files from the AWS console under any names, or their folder; all checks run first',
      (each) =>
        each
          .positional('files', { type: 'string', array: true, demandOption: true, describe: 'Files or folders' })
          .options({ ...CONFIG, ...JSON_OUTPUT })
          .example('$0 certs import ~/Downloads', 'import xxx-certificate.pem.crt, xxx-private.pem.key and AmazonRootCA1.pem'),
      handler(() => import('./certs/import.ts'))(({ importFiles }, { config, files, json }) => importFiles(config, files, json)),
    )
    .command(
      'provision',
      'Get a certificate by AWS fleet provisioning with the configured claim certificate; a second call continues an interrupted one',
      (each) =>
        each
          .options({ ...CONFIG, ...JSON_OUTPUT, ...TIMEOUT })
          .option('again', { type: 'boolean', default: false, describe: 'Get another certificate even if there is one' })
          .option('keep-claim', { type: 'boolean', default: false, describe: 'Do not erase the claim’s key afterwards' })
          .example('$0 certs provision', 'once, during the setup of a robot'),
      handler(() => import('./certs/provision.ts'))(({ provision }, { config, again, keepClaim, timeout, json }) =>
        provision({ file: config, isForced: again, keepsClaim: keepClaim, timeoutS: timeout, json }),
      ),
    )
    .command(
      'rotate',
      'Replace the certificate with a new one; the old one stays until the new one has connected, subscribed and published',
      (each) => each.options({ ...CONFIG, ...JSON_OUTPUT, ...TIMEOUT }).example('$0 certs rotate', 'with or without a running agent'),
      handler(() => import('./certs/provision.ts'))(({ rotate }, { config, timeout, json }) => rotate(config, timeout, json)),
    )
    .command(
      'show',
      'Show the certificates of this robot and their expiry dates',
      (each) => each.options({ ...CONFIG, ...JSON_OUTPUT }).example('$0 certs show --json', 'for a program'),
      handler(() => import('./certs/show.ts'))(({ show }, { config, json }) => show(config, json)),
    )
    .command(
      'verify',
      'Check chain, key, dates, name, purpose and permissions; with --online also at the broker. The exit code is 1 if a check fails',
      (each) =>
        each
          .options({ ...CONFIG, ...JSON_OUTPUT, ...TIMEOUT })
          .option('online', { type: 'boolean', default: false, describe: 'Connect, subscribe and publish as this robot, or ask its agent' })
          .example('$0 certs verify --online', 'find out whether the certificate is at fault'),
      handler(() => import('./certs/verify.ts'))(({ verify }, { config, online, timeout, json }) =>
        verify(config, online ? timeout * 1_000 : undefined, json),
      ),
    )
    .command(
      'wipe',
      'Erase the identity of a robot that goes out of use, and print how to revoke its certificates; stop the agent first',
      (each) =>
        each
          .options({ ...CONFIG, ...JSON_OUTPUT })
          .option('confirm', { type: 'string', requiresArg: true, describe: 'The thing’s name; without it nothing is erased' })
          .option('data', { type: 'boolean', default: false, describe: 'Also erase outbox, images, logs and backups' })
          .option('undelivered', { type: 'boolean', default: false, describe: 'Also erase alerts that the cloud does not have' })
          .example('$0 certs wipe', 'show what it would erase')
          .example('$0 certs wipe --data --confirm elderly-bot', 'before the robot is sold or thrown away'),
      handler(() => import('./certs/wipe.ts'))(({ wipe }, { config, confirm, data, undelivered, json }) =>
        wipe({ file: config, confirm, withData: data, withAlerts: undelivered, json }),
      ),
    )
    .command(
      'dev-ca <folder>',
      'Create a CA with broker, cloud and robot certificates for a bench',
      (each) =>
        each
          .positional('folder', { type: 'string', demandOption: true, describe: 'A new folder' })
          .option('thing', { type: 'string', default: 'elderly-bot', describe: 'Thing name in the robot’s certificate' })
          .option('host', {
            type: 'string',
            array: true,
            default: [] as string[],
            requiresArg: true,
            describe: 'Additional host names or addresses of the broker',
          })
          .options(JSON_OUTPUT)
          .example('$0 certs dev-ca bench-certs', 'create the files for config/bench.yaml and config/mosquitto.bench.conf'),
      handler(() => import('./benchFiles.ts'))(({ createCertificates }, { folder, thing, host, json }) =>
        createCertificates(folder, thing, host, json),
      ),
    )
    .demandCommand(1, 'no subcommand of certs was given');
}

const TOPIC = { type: 'string', demandOption: true, describe: 'The topic, such as /fall_detected' } as const;
const FOR = { for: { type: 'string', requiresArg: true, describe: 'End after this time, such as 10s' } } as const;

export function topicCommands(y: Argv, remap: Remap): Argv {
  return y
    .command(
      ['list', '$0'],
      'Show the published topics: type, rate, QoS, publishers, and the channels that use them',
      { ...CONFIG, ...JSON_OUTPUT, watch: { type: 'boolean', default: false, describe: 'Refresh until Ctrl-C' } },
      handler(() => import('./topics/list.ts'))(({ list }, { config, json, watch }) => list(config, { json, watch, remap })),
    )
    .command(
      'show <topic>',
      'Show type, publishers, subscriptions and QoS of one topic, and the fields of its type; also the fields of a type such as std_msgs/msg/Bool',
      (each) =>
        each
          .positional('topic', { ...TOPIC, describe: 'The topic, or a message type' })
          .options({ ...CONFIG, ...JSON_OUTPUT })
          .example('$0 topics show /battery_state', 'find out which nodes publish the battery, and its fields'),
      handler(() => import('./topics/show.ts'))(({ show }, args) => show({ ...args, remap })),
    )
    .command(
      'echo <topic>',
      'Print the messages of a topic until Ctrl-C',
      (each) =>
        each
          .positional('topic', TOPIC)
          .options({ ...CONFIG, ...FOR })
          .option('json', { type: 'boolean', default: false, describe: 'Print each message as a line of JSON' })
          .option('once', { type: 'boolean', default: false, describe: 'End after one message' })
          .option('count', wholeOption('--count', 'End after this many messages', undefined, 1))
          .option('field', { type: 'string', requiresArg: true, describe: 'Print only this field, such as header.stamp or ranges[0]' })
          .option('type', { type: 'string', requiresArg: true, describe: 'Message type; default: the published one' })
          .option('full', { type: 'boolean', default: false, describe: 'Print long arrays and texts in full' })
          .check(({ once, count }) => !(once && count !== undefined) || '--once and --count exclude each other')
          .example('$0 topics echo /battery_state --once', 'print the present state of the battery'),
      handler(() => import('./topics/echo.ts'))(({ echo }, args) => echo({ ...args, count: args.once ? 1 : args.count, remap })),
    )
    .command(
      'hz <topic>',
      'Measure rate, gaps and bandwidth of a topic until Ctrl-C',
      (each) =>
        each
          .positional('topic', TOPIC)
          .options({ ...CONFIG, ...JSON_OUTPUT, ...FOR })
          .example('$0 topics hz /scan --for 10s', 'measure for ten seconds'),
      handler(() => import('./topics/hz.ts'))(({ hz }, args) => hz({ ...args, remap })),
    )
    .command(
      'pub <topic> <type> [message]',
      'Publish a message: once, or at a rate until Ctrl-C. Refuses topics that move the robot',
      (each) =>
        each
          .positional('topic', TOPIC)
          .positional('type', { type: 'string', demandOption: true, describe: 'Message type, such as std_msgs/msg/Bool' })
          .positional('message', { type: 'string', default: '', describe: 'The fields as YAML; a missing field gets its default' })
          .options({ ...CONFIG, ...FOR })
          .option('once', { type: 'boolean', default: false, describe: 'End after one message; the default, but not for --latched' })
          .option('rate', { type: 'number', requiresArg: true, coerce: rateOf, describe: 'Messages per second, at most 1000' })
          .option('latched', {
            type: 'boolean',
            default: false,
            describe: 'Late subscriptions get the last message too; stays until Ctrl-C',
          })
          .option('force', { type: 'boolean', default: false, describe: 'Also publish on a topic that moves the robot' })
          .check(({ once, rate }) => !(once && rate !== undefined) || '--once and --rate exclude each other')
          .example("$0 topics pub /fall_detected std_msgs/msg/Bool '{data: true}'", 'raise an alert, as the detector would'),
      handler(() => import('./topics/pub.ts'))(({ pub }, args) => pub({ ...args, remap })),
    );
}

function rateOf(rate: number | undefined): number | undefined {
  if (rate === undefined || (rate > 0 && rate <= 1_000)) return rate;
  throw new Error('--rate: expected a number above 0, at most 1000');
}

export function benchCommands(y: Argv): Argv {
  return y
    .command(
      'mosquitto [folder]',
      'Create the files of a bench: a Mosquitto configuration, certificates, an access list, and a configuration of the robot',
      (each) =>
        each
          .positional('folder', { type: 'string', default: 'bench', describe: 'A new folder' })
          .options(JSON_OUTPUT)
          .option('thing', { type: 'string', default: 'elderly-bot', requiresArg: true, describe: 'Thing name of the robot' })
          .option('port', wholeOption('--port', 'Port of the broker on 127.0.0.1', 8883, 1, 65_535))
          .example('$0 bench mosquitto bench', 'create bench/mosquitto.conf, bench/robot.yaml and bench/certs'),
      handler(() => import('./benchFiles.ts'))(({ createBench }, args) => createBench(args)),
    )
    .command(
      ['link', '$0'],
      'Measure latency, throughput and the time to recover from an outage at the configured broker; the agent may keep running',
      (each) =>
        each
          .options({ ...CONFIG, ...JSON_OUTPUT })
          .option('seconds', wholeOption('--seconds', 'Duration of the throughput measurement', 10, 1, 600))
          .option('html', { type: 'string', requiresArg: true, describe: 'Write a report with charts to this file' })
          .example('$0 bench --config bench/robot.yaml', 'print three figures and charts'),
      handler(() => import('./bench.ts'))(({ bench }, args) => bench(args)),
    );
}
