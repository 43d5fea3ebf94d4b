// Implements the database on a PostgreSQL server (15 or newer) with a pool of connections.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from } from 'pg-copy-streams';
import { codeOf } from '../../../src/base/index.ts';
import { type ConnectionOptions, Connections, isBroken } from './connections.ts';
import type { Database, Limits, Param, Sql } from './database.ts';
import { listenTo } from './listen.ts';

export function postgresDatabase(options: ConnectionOptions): Database {
  const connections = new Connections(options);
  const { generation } = connections;
  let canPrepare = true;
  return {
    kind: 'postgres',
    ...sqlOn((work) => connections.use('statement', work)),
    transaction: (work, limits) =>
      connections.use('transaction', async (client) => {
        try {
          await client.query(limits ? `begin; ${applied(limits)}` : 'begin');
          const result = await work({
            ...sqlOn((statement) => statement(client)),
            copy: (statement, pieces) => pipeline(Readable.from(pieces), client.query(from(statement))),
          });
          await client.query('commit');
          return result;
        } catch (error) {
          // A rollback on a connection that does not answer would wait once more.
          if (!isBroken(error)) await client.query('rollback');
          throw error;
        }
      }),
    prepared: <Row>(text: string, params: readonly Param[]) =>
      connections.use('statement', async (client) => {
        const values = [...params];
        if (canPrepare) {
          try {
            return (await client.query({ name: nameOf(text), text, values })).rows as Row[];
          } catch (error) {
            if (!/^(26000|42P05)$/.test(codeOf(error) ?? '')) throw error;
            canPrepare = false;
          }
        }
        return (await client.query(text, values)).rows as Row[];
      }),
    listen: (channel, onPayload) => Promise.resolve(listenTo({ ...options, generation }, channel, onPayload)),
    load: () => ({ waiting: connections.waiting, busy: connections.busy }),
    close: () => connections.end(),
  };
}

/** A hash, because a pooler may lend a connection on which another version of this program named a statement. */
function nameOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** In the round trip of BEGIN. */
function applied({ lockMs, statementMs }: Limits): string {
  return `set local lock_timeout = ${lockMs}${statementMs === undefined ? '' : `; set local statement_timeout = ${statementMs}`}`;
}

function sqlOn(on: <T>(work: (client: ClientBase) => Promise<T>) => Promise<T>): Sql {
  return {
    query: <Row>(text: string, params: readonly Param[] = []) =>
      on(async (client) => (await client.query(text, [...params])).rows as Row[]),
    script: (text) => on(async (client) => void (await client.query(text))),
  };
}
