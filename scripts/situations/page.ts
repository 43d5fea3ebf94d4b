// The text of docs/reference/situations.md. Pure.
import type { Situation, SituationGroup } from '../../test/situations/situation.ts';

const INTRODUCTION = `# Situations

This page lists how the agent reacts to the network and to the broker. Each row is a test that plays the situation against the real uplink or
the real agent ([how to add one](../contributing/situations.md)). In all of them, rows stay in the outbox until the broker has acknowledged them,
and alerts go first. An operator sees the problem in \`elderly-bot status\`; [problems.md](problems.md) has its remedy. No other problem is raised
for longer than a moment.
`;

export function page(groups: readonly SituationGroup[]): string {
  return [INTRODUCTION, ...groups.map(({ title, situations }) => `## ${title}\n\n${table(situations)}\n`)].join('\n');
}

function table(situations: readonly Situation[]): string {
  const rows = situations.map(({ situation, reaction, problem }) => `| ${situation} | ${reaction} | ${linkTo(problem)} |`);
  return ['| situation | reaction of the agent | problem |', '|---|---|---|', ...rows].join('\n');
}

function linkTo(problem: Situation['problem']): string {
  return problem === null ? 'none' : `[\`${problem}\`](problems.md#${problem})`;
}
