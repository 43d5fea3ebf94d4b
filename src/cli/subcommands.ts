// Declares the subcommands of `elderly-bot certs` and `elderly-bot bench`. Each handler imports its command's code only when it runs.
import type { Argv } from 'yargs';
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
          .example('$0 certs provision', 'once, during the setup of a robot'),
      handler(() => import('./certs/provision.ts'))(({ provision }, { config, again, timeout, json }) =>
        provision({ file: config, isForced: again, timeoutS: timeout, json }),
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
