// All situations, in the order of their page.
import { certificates } from './certificates.ts';
import { clock } from './clock.ts';
import { cloud } from './cloud.ts';
import { connecting } from './connecting.ts';
import { endings } from './endings.ts';
import { losses } from './losses.ts';
import { messages } from './messages.ts';
import { networks } from './networks.ts';
import { reaching } from './reaching.ts';
import { reflexes } from './reflexes.ts';
import { replaced } from './replaced.ts';
import { rights } from './rights.ts';
import type { SituationGroup } from './situation.ts';
import { strangers } from './strangers.ts';

export const GROUPS: readonly SituationGroup[] = [
  { title: 'The way to the broker', situations: reaching },
  { title: 'Another server in place of the broker', situations: strangers },
  { title: 'Certificates', situations: certificates },
  { title: 'Replaced files of the certificate', situations: replaced },
  { title: 'Connect and subscribe', situations: connecting },
  { title: 'Rights that the robot lacks', situations: rights },
  { title: 'Messages and acknowledgements', situations: messages },
  { title: 'The end of a connection', situations: endings },
  { title: 'Connections that keep ending', situations: losses },
  { title: 'Networks between robot and broker', situations: networks },
  { title: 'The cloud behind the broker', situations: cloud },
  { title: 'The clock of the robot', situations: clock },
  { title: 'Alerts without a confirmation', situations: reflexes },
];
