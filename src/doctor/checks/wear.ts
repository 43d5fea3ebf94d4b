// The wear of an eMMC as it reports it (JEDEC 5.0: DEVICE_LIFE_TIME_EST, PRE_EOL_INFO, from the kernel's device files). Pure.

export interface Wear {
  readonly text: string;
  readonly isWorn: boolean;
  /** The device has passed its rated life. */
  readonly isOver: boolean;
}

/** Steps of 10 % of the rated life; 0x0b is beyond it. */
const WORN_STEP = 9;
const OVER_STEP = 11;
const PRE_EOL = { normal: 1, warning: 2, urgent: 3 } as const;

/** @param lifeTime such as `0x02 0x01`. @param preEol such as `0x01`. @returns undefined if the disk reports nothing. */
export function wearOf(lifeTime: string | undefined, preEol: string | undefined): Wear | undefined {
  const steps = (lifeTime ?? '').split(/\s+/).filter(Boolean).map(Number);
  const step = Math.max(0, ...steps.filter(Number.isFinite));
  const spares = Number(preEol ?? 0);
  if (step === 0 && !(spares > 0)) return undefined;
  const used = step >= OVER_STEP ? 'more than its rated life' : `up to ${step * 10} % of its rated life`;
  const left =
    spares === PRE_EOL.urgent ? ', nearly no spare blocks' : spares === PRE_EOL.warning ? ', 80 % of its spare blocks are used' : '';
  const isOver = step >= OVER_STEP || spares >= PRE_EOL.urgent;
  return { text: `the disk has used ${used}${left}`, isOver, isWorn: isOver || step >= WORN_STEP || spares >= PRE_EOL.warning };
}
