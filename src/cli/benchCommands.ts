// `elderly-bot bench ...` as the command line knows it; what each does is loaded when it runs.
import type { Argv } from 'yargs';
import { exitWith } from './exit.ts';
import { whole } from './numbers.ts';

const json = { type: 'boolean', default: false, describe: 'Print JSON for a program to read' } as const;

export function benchCommands(y: Argv): Argv {
  return y
    .command(
      'mosquitto [folder]',
      'A Mosquitto for the bench: configuration, certificates, an access list, and a configuration for the robot',
      (each) =>
        each
          .positional('folder', { type: 'string', default: 'bench', describe: 'A new folder for all of it' })
          .options({ json })
          .option('thing', { type: 'string', default: 'elderly-bot', requiresArg: true, describe: 'The robot’s thing name' })
          .option('port', {
            type: 'number',
            default: 8883,
            requiresArg: true,
            describe: 'Where the broker listens, on 127.0.0.1',
            coerce: whole('--port', 1, 65_535),
          })
          .example('$0 bench mosquitto bench', 'writes bench/mosquitto.conf, bench/robot.yaml and bench/certs'),
      async (given) => {
        const { benchMosquitto } = await import('./benchMosquitto.ts');
        await exitWith(() => benchMosquitto(given));
      },
    )
    .command(
      ['link', '$0'],
      'Latency, throughput and the way back after an outage, against the configured broker, beside a running agent',
      (each) =>
        each
          .options({ json })
          .option('config', {
            alias: 'c',
            type: 'string',
            requiresArg: true,
            describe: 'Configuration file; config/default.yaml lies beneath it',
          })
          .option('seconds', {
            type: 'number',
            default: 10,
            requiresArg: true,
            describe: 'How long throughput is measured',
            coerce: whole('--seconds', 1, 600),
          })
          .option('html', { type: 'string', requiresArg: true, describe: 'Write a report with pictures to this file' })
          .example('$0 bench --config bench/robot.yaml', 'three figures and a chart'),
      async (given) => {
        const { bench } = await import('./bench.ts');
        await exitWith(() => bench({ file: given.config, json: given.json, seconds: given.seconds, html: given.html }));
      },
    );
}
