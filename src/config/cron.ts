// Schema of a cron expression: minute, hour, day of month, month, day of week, all in UTC.
import { validate } from 'node-cron';
import * as z from 'zod';

const FIELDS = /^\S+( \S+){4}$/;

export const cron = z
  .string()
  .refine(
    (text) => FIELDS.test(text) && validate(text),
    'expected five cron fields (minute, hour, day, month, weekday; UTC), such as "0 3 * * 0" for Sundays at 3:00',
  );
