// `elderly-bot certs ...` as the command line knows it; what each does is loaded when it runs.
import type { Argv } from 'yargs';
import { exitWith } from '../exit.ts';
import { whole } from '../numbers.ts';

const config = {
  alias: 'c',
  type: 'string',
  requiresArg: true,
  describe: 'Configuration file; config/default.yaml lies beneath it',
} as const;
const json = { type: 'boolean', default: false, describe: 'Print JSON for a program to read' } as const;
const timeout = {
  type: 'number',
  default: 30,
  requiresArg: true,
  describe: 'Seconds to wait for each answer of the broker',
  coerce: whole('--timeout', 1, 3_600),
} as const;
const key = { choices: ['ec', 'rsa'] as const, default: 'ec' as const, describe: 'Kind of the key: EC P-256 or RSA 2048' };

export function certsCommands(y: Argv): Argv {
  return y
    .command(
      'init',
      'Make a key on this robot, which never leaves it, and a signing request (CSR) for who signs certificates',
      (each) =>
        each
          .options({ config, json, key })
          .option('out', { type: 'string', requiresArg: true, describe: 'Write the CSR here too; - prints it' })
          .option('new', { type: 'boolean', default: false, describe: 'A new key, though one waits for its certificate' })
          .example('$0 certs init --out -', 'prints the CSR, to be pasted where certificates are made'),
      async (given) => {
        const { init } = await import('./init.ts');
        await exitWith(() => init({ file: given.config, kind: given.key, out: given.out, anew: given.new, json: given.json }));
      },
    )
    .command(
      'import <files..>',
      'Take a certificate: the files the AWS console gave, under any names, or the folder they are in; all is checked first',
      (each) =>
        each
          .positional('files', { type: 'string', array: true, demandOption: true, describe: 'Files or folders' })
          .options({ config, json })
          .example('$0 certs import ~/Downloads', 'takes xxx-certificate.pem.crt, xxx-private.pem.key and AmazonRootCA1.pem'),
      async (given) => {
        const { importFiles } = await import('./import.ts');
        await exitWith(() => importFiles(given.config, given.files, given.json));
      },
    )
    .command(
      'provision',
      'Get a certificate by AWS fleet provisioning, with the claim certificate of the configuration; killed and called again it goes on',
      (each) =>
        each
          .options({ config, json, timeout })
          .option('again', { type: 'boolean', default: false, describe: 'Another one, though there is one' })
          .example('$0 certs provision', 'once, when a robot is set up'),
      async (given) => {
        const { provisionCommand } = await import('./provision.ts');
        await exitWith(() => provisionCommand({ file: given.config, anew: given.again, timeoutS: given.timeout, json: given.json }));
      },
    )
    .command(
      'rotate',
      'Get another certificate with the one there is; the old one stays until the new has connected, subscribed and published',
      (each) => each.options({ config, json, timeout }).example('$0 certs rotate', 'beside a running agent, or without one'),
      async (given) => {
        const { rotate } = await import('./rotate.ts');
        await exitWith(() => rotate(given.config, given.timeout, given.json));
      },
    )
    .command(
      'show',
      'Show which certificate this robot has, and until when',
      (each) => each.options({ config, json }).example('$0 certs show --json', 'for a program'),
      async (given) => {
        const { show } = await import('./show.ts');
        await exitWith(() => show(given.config, given.json));
      },
    )
    .command(
      'verify',
      'Check chain, key, dates, name, purpose and permissions; with --online, at the broker. Exits 1 where something is wrong',
      (each) =>
        each
          .options({ config, json, timeout })
          .option('online', { type: 'boolean', default: false, describe: 'Connect, subscribe and publish as this robot, or ask its agent' })
          .example('$0 certs verify --online', 'is it the certificate?'),
      async (given) => {
        const { verify } = await import('./verify.ts');
        await exitWith(() => verify(given.config, given.online ? given.timeout * 1_000 : undefined, given.json));
      },
    )
    .command(
      'dev-ca <folder>',
      'Make a CA with broker, cloud and robot certificates for a bench',
      (each) =>
        each
          .positional('folder', { type: 'string', demandOption: true })
          .option('thing', { type: 'string', default: 'elderly-bot', describe: 'Thing name in the robot’s certificate' })
          .option('host', {
            type: 'string',
            array: true,
            default: [] as string[],
            requiresArg: true,
            describe: 'More names or addresses of the broker',
          })
          .options({ json })
          .example('$0 certs dev-ca bench-certs', 'what config/bench.yaml and config/mosquitto.bench.conf expect'),
      async (given) => {
        const { devCa } = await import('./devCa.ts');
        await exitWith(() => devCa(given.folder, given.thing, given.host, given.json));
      },
    )
    .demandCommand(1, 'Which of certs?');
}
