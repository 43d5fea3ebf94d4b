import type { Campaign } from '../campaign.ts';
import { broker } from './broker.ts';
import { clock } from './clock.ts';
import { cloud } from './cloud.ts';
import { collect } from './collect.ts';
import { commands } from './commands.ts';
import { corrupt } from './corrupt.ts';
import { diskFull } from './diskFull.ts';
import { filler } from './filler.ts';
import { kill } from './kill.ts';
import { motion } from './motion.ts';
import { narrow } from './narrow.ts';
import { neighbours } from './neighbours.ts';
import { debianPackage } from './package.ts';
import { powercut } from './powercut.ts';
import { provisioning } from './provisioning.ts';
import { readOnly } from './readOnly.ts';
import { returning } from './returning.ts';
import { s3 } from './s3.ts';
import { soak } from './soak.ts';
import { systemd } from './systemd.ts';
import { uplinks } from './uplinks.ts';

export const CAMPAIGNS: readonly Campaign[] = [
  kill,
  broker,
  cloud,
  neighbours,
  powercut,
  diskFull,
  filler,
  readOnly,
  corrupt,
  clock,
  motion,
  commands,
  provisioning,
  collect,
  s3,
  narrow,
  uplinks,
  returning,
  systemd,
  debianPackage,
  soak,
];
