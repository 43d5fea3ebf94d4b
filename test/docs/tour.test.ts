// Compares the tour's page with the real output of its commands.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { rosUnavailable } from '../support/ros.ts';
import { normalised, tour } from './tour.ts';

const skip = rosUnavailable() || mosquittoUnavailable();

describe('docs/guide/tour.md', { skip, timeout: 300_000 }, () => {
  it('shows ten commands and their output except for numbers, ids and paths (npm run tour writes the page)', async () => {
    const page = readFileSync(join(ROOT, 'docs/guide/tour.md'), 'utf8');
    assert.equal(page.match(/^\$ /gm)?.length, 10);
    assert.equal(normalised(await tour()), normalised(page));
  });

  it('detects a changed word', () => {
    assert.notEqual(normalised('link     connected for 6 s'), normalised('link     waiting for 6 s'));
    assert.equal(normalised('link     connected for 6 s'), normalised('link     connected for 12 s'));
  });
});
