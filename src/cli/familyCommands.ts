// Declares the subcommands of `elderly-bot pair` and `elderly-bot commands`. Each handler imports its command's code only when it runs.
import type { Argv } from 'yargs';
import { CONFIG, handler, JSON_OUTPUT, wholeOption } from './options.ts';

const WORDS = { type: 'string', array: true, default: [] as string[], describe: 'VALUE, or NAME=VALUE for each argument' } as const;

export function pairCommands(y: Argv): Argv {
  return y
    .command(
      'add',
      'Pair a device: pin its public key, after you compared the fingerprint',
      (each) =>
        each
          .options(CONFIG)
          .option('key', {
            type: 'string',
            requiresArg: true,
            demandOption: true,
            describe: 'A JWK, or a file with a JWK or PEM; - reads it',
          })
          .option('name', { type: 'string', requiresArg: true, demandOption: true, describe: 'The name of the device, for people' })
          .option('fingerprint', {
            type: 'string',
            requiresArg: true,
            describe: 'The fingerprint that the device shows; without it the command asks you',
          })
          .example('$0 pair add --key phone.jwk --name "Anna’s phone"', 'pair a phone'),
      handler(() => import('./pair.ts'))(({ add }, args) => add(args)),
    )
    .command(
      ['list', '$0'],
      'List the paired devices',
      (each) => each.options({ ...CONFIG, ...JSON_OUTPUT }),
      handler(() => import('./pair.ts'))(({ list }, { config, json }) => list(config, json)),
    )
    .command(
      'revoke <which>',
      'Revoke a key; the running agent refuses its signatures at once',
      (each) => each.positional('which', { type: 'string', demandOption: true, describe: 'Its fingerprint or its name' }).options(CONFIG),
      handler(() => import('./pair.ts'))(({ revoke }, { config, which }) => revoke(config, which)),
    );
}

export function commandCommands(y: Argv): Argv {
  return y
    .command(
      ['list', '$0'],
      'List the configured commands, each with an example to paste',
      (each) => each.options({ ...CONFIG, ...JSON_OUTPUT }),
      handler(() => import('./commands.ts'))(({ commands }, { config, json }) => commands(config, json)),
    )
    .command(
      'log',
      'List received commands and their results',
      (each) =>
        each.options({ ...CONFIG, ...JSON_OUTPUT }).option('limit', wholeOption('--limit', 'Number of most recent commands', 20, 1)),
      handler(() => import('./commands.ts'))(({ log }, { config, limit, json }) => log(config, limit, json)),
    )
    .command(
      'sign <name> [words..]',
      'Print a command with a signature, for developers of an app; `send --sign FILE` also sends it',
      (each) =>
        each
          .positional('name', { type: 'string', demandOption: true, describe: 'Name of the command' })
          .positional('words', WORDS)
          .options(CONFIG)
          .option('ttl', wholeOption('--ttl', 'Validity in seconds; default: 10, or the limit of the configuration', undefined, 1))
          .option('sign', { alias: 'key', type: 'string', requiresArg: true, demandOption: true, describe: 'Private key (PEM, mode 0600)' })
          .example('$0 commands sign drive linear=0.1 --key phone.key.pem', 'print a signed command'),
      handler(() => import('./commands.ts'))(({ sign }, args) => sign(args)),
    );
}
