// Measures what the run costs: CPU time of the instances, PostgreSQL and Mosquitto, memory, and bytes of the database and its log.
import type { Program } from '../../scripts/lab/program.ts';
import { cpuSeconds, cpuSecondsOfServer, peakRssMb } from '../bench/process.ts';
import type { FleetWorld } from './world.ts';

export interface Moment {
  readonly postgresS: number;
  readonly brokerS: number;
  readonly databaseBytes: number;
  readonly wal: string;
}

export interface InstanceCost {
  readonly cpuS: number;
  readonly peakRssMb: number;
}

/** A process that ended has no figures, so this is called before a kill. */
export function costOf({ pid }: Program): InstanceCost {
  return { cpuS: cpuSeconds(pid), peakRssMb: peakRssMb(pid) };
}

export async function moment({ postgres, bench, database }: FleetWorld): Promise<Moment> {
  const { rows } = await database.query('select pg_database_size(current_database())::text as bytes, pg_current_wal_lsn()::text as wal');
  const [{ bytes, wal }] = rows as [{ bytes: string; wal: string }];
  return { postgresS: cpuSecondsOfServer(postgres.pid), brokerS: cpuSeconds(bench.broker.pid), databaseBytes: Number(bytes), wal };
}

export async function walBytes({ database }: FleetWorld, from: Moment, to: Moment): Promise<number> {
  const { rows } = await database.query(`select pg_wal_lsn_diff('${to.wal}', '${from.wal}')::text as bytes`);
  return Number((rows as [{ bytes: string }])[0].bytes);
}
