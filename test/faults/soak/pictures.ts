// Compares the pictures in the bucket with the cloud's database and with the robot's reports.
import { ObjectStore } from '../../../cloud/src/uploads/store.ts';
import { BUCKET, namesIn, REGION, type TestStore } from '../../../cloud/test/support/objectStore.ts';
import type { World } from '../world.ts';

export interface Pictures {
  readonly stored: number;
  readonly lost: number;
  readonly doubled: number;
  readonly failures: readonly string[];
}

interface StoredRow {
  readonly id: string;
  readonly kind: string;
  readonly object_key: string;
  readonly content_type: string;
  readonly size: string;
  readonly sha256: string;
  readonly state: string;
}

/** @param spooled number of snapshots and clips that the robot kept. All of them differ, because they contain the time and the camera. */
export async function judgePictures({ database }: World, objects: TestStore, spooled: number): Promise<Pictures> {
  const store = new ObjectStore({ bucket: BUCKET, endpoint: objects.endpoint, credentials: objects.credentials, region: REGION });
  const failures: string[] = [];
  const { rows } = await database.query<StoredRow>('select id, kind, object_key, content_type, size, sha256, state from uploads');
  const told = await database.query<{ id: string; n: string }>(
    `select body->>'upload_id' as id, count(*) as n from events where kind = 'uploaded' group by 1`,
  );
  const times = new Map(told.rows.map(({ id, n }) => [id, Number(n)]));
  const names = new Set(await namesIn(objects));
  try {
    for (const row of rows) {
      const name = `${row.kind} ${row.object_key}`;
      const why = await store.verify({
        key: row.object_key,
        contentType: row.content_type,
        size: Number(row.size),
        sha256: row.sha256,
      });
      if (row.state !== 'stored' || why !== null || !names.delete(row.object_key))
        failures.push(`${name}: the database has it as ${row.state}; ${why ?? 'it is in the bucket'}`);
      else if (times.get(row.id) !== 1) failures.push(`${name}: the robot told it ${times.get(row.id) ?? 0} times`);
    }
  } finally {
    store.close();
  }
  const pictured = rows.filter(({ kind }) => kind === 'snapshot' || kind === 'clip').length;
  const lost = failures.length + Math.max(0, spooled - pictured);
  if (spooled > pictured) failures.push(`${spooled} pictures were kept and ${pictured} uploaded`);
  for (const name of names) failures.push(`${name} is in the bucket, and the database does not know it`);
  return { stored: rows.length, lost, doubled: names.size, failures };
}
