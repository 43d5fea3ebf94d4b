// Cuts the power while rows are written: the state directory is an ext4 of its own that is shut down without a flush and mounted again.
// Each acknowledged row must be there. Most runs cut a small writer on the real outbox, which prints each committed row; every fifth cuts
// the whole agent.
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program } from '../../../scripts/lab/program.ts';
import { readingContent } from '../../support/outboxFile.ts';
import { type Campaign, type Context, needsRoot, type Outcome } from '../campaign.ts';
import { Volume } from '../volume.ts';
import { after, World, worldMissing } from '../world.ts';

const WRITER = fileURLToPath(new URL('../writer.ts', import.meta.url));
const AGENT_EVERY = 5;
const DISK_BYTES = 96 * 1024 ** 2;
const CUT_AFTER_MS = [20, 700] as const;

export const powercut: Campaign = {
  name: 'powercut',
  what: 'an ext4 of its own is shut down without flushing while rows are committed (4 of 5 runs a writer on the outbox room, 1 the agent)',
  defaultRuns: 10,
  missing: () => needsRoot() || worldMissing(),
  run: runPowercut,
};

async function runPowercut({ runs, random, say }: Context): Promise<Outcome> {
  const world = await World.start();
  const { stateDir } = world.bench;
  const failures: string[] = [];
  const tally = {
    runs_of_the_agent: 0,
    rows_acknowledged_by_the_writer: 0,
    missing_after_a_cut: 0,
    rows_committed_and_not_yet_said: 0,
    unsynced_files_gone: 0,
  };
  let volume: Volume | undefined;
  let written = 0;
  const cut = async (program: Program): Promise<void> => {
    await after(random.between(...CUT_AFTER_MS));
    // Proves that the cut works: an unsynced file must be gone.
    const canary = join(stateDir, 'unsynced');
    writeFileSync(canary, 'x'.repeat(4_096));
    await volume?.cut();
    await program.kill();
    await volume?.unmount();
    await volume?.mount();
    if (!existsSync(canary) || statSync(canary).size === 0) tally.unsynced_files_gone++;
    else failures.push('a file that was never synced outlived the cut, so the cut proves nothing');
    rmSync(canary, { force: true });
  };
  const cutWriter = async (): Promise<string> => {
    const writer = new Program('writer', process.execPath, ['--import', 'tsx', WRITER, stateDir, String(written)]);
    await writer.event('committed');
    await cut(writer);
    const said = writer.lines.filter(({ event }) => event === 'committed') as unknown as { outbox: string; seq: number; value: number }[];
    for (const { outbox, seq, value } of said) {
      world.note({ outbox, seq, content: readingContent('written', value) }, { channel: 'written', value });
    }
    const file = world.enter();
    const there = new Set(file.rows.map(({ outbox, seq }) => `${outbox}/${seq}`));
    const missing = said.filter(({ outbox, seq }) => !there.has(`${outbox}/${seq}`));
    if (missing.length > 0) failures.push(`${missing.length} of ${said.length} acknowledged rows are gone, first ${missing[0]?.seq}`);
    tally.missing_after_a_cut += missing.length;
    tally.rows_acknowledged_by_the_writer += said.length;
    // The cut may fall between a commit and its line, so such rows count as written too.
    const unsaid = file.rows.filter(({ outbox, seq }) => outbox === said[0]?.outbox && seq > said.length);
    for (const { seq } of unsaid) world.load.published.push({ channel: 'written', value: written + seq - 1 });
    tally.rows_committed_and_not_yet_said += unsaid.length;
    written += said.length + unsaid.length;
    if (file.integrity !== 'ok') failures.push(`the outbox file after the cut: ${file.integrity}`);
    return `the writer, ${said.length} rows acknowledged, ${missing.length} missing`;
  };
  const cutAgent = async (): Promise<string> => {
    tally.runs_of_the_agent++;
    world.load.start();
    const agent = await world.agent();
    await world.sensing();
    await cut(agent);
    await world.load.pause();
    const file = world.enter();
    if (file.integrity !== 'ok') failures.push(`the outbox file after the cut: ${file.integrity}`);
    return `the agent, ${file.rows.length} rows in the file`;
  };
  try {
    volume = await Volume.ext4(stateDir, DISK_BYTES);
    for (let run = 1; run <= runs; run++) {
      const before = failures.length;
      const what = run % AGENT_EVERY === 0 ? await cutAgent() : await cutWriter();
      for (let i = before; i < failures.length; i++) failures[i] = `run ${run}: ${failures[i]}`;
      say(`run ${run}: ${what}`);
    }
    const { books, doubled, holes, failures: found, drainMs } = await world.settle();
    failures.push(...found);
    say(
      `books: ${books.accepted} accepted, ${books.committed} committed, ${books.lost} lost, ${doubled} doubled, drained in ${drainMs} ms`,
    );
    const figures = { ...tally, accepted: books.accepted, committed: books.committed, holes, drain_ms: drainMs };
    return { runs, lost: Math.max(books.lost, tally.missing_after_a_cut), doubled, failures, figures };
  } finally {
    await world.bench.endPrograms();
    await volume?.unmount();
    await world.stop();
  }
}
