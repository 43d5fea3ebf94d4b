#!/usr/bin/env python3
"""A small robot for the cloud of this repository, written from docs/reference/protocol.md. It needs Python 3.10 and paho-mqtt 2.

It reads readings from standard input, one JSON object per line: {"channel": "fall", "value": true, "alert": "raised", "incident": "i-1"}
(alert and incident may be absent). Every line becomes a row that is delivered exactly once, also after a crash or an outage. It takes one
command, buzzer, which prints a line. At the end of the input it waits until the cloud has every row, says goodbye and exits.
"""
import argparse, json, os, queue, random, secrets, sqlite3, ssl, sys, threading, time
import paho.mqtt.client as mqtt

COMMANDS = [{"name": "buzzer", "motion": False, "args": {"type": "object", "properties": {"value": {"type": "boolean"}},
                                                         "required": ["value"], "additionalProperties": False}}]
SCHEMA = """create table if not exists start (boot integer);
create table if not exists outboxes (id text primary key, accepted integer, covered text);
create table if not exists rows (outbox text, seq integer, at integer, kind text, body text, tries integer default 0, sent_boot integer,
  sent_ms integer, primary key (outbox, seq));
create table if not exists commands (id text primary key, name text, ended integer)"""
WINDOW, MAX_BYTES, MAX_TRIES = 20, 60_000, 10  # Unacknowledged messages, bytes of readings in one message, publishes of one row.
LATEST_WAIT_S, REPEAT_EVERY_S = 90, 300  # An unconfirmed row makes the robot repeat its presence.


def now_ms():
    return int(time.time() * 1000)


def merged(ranges):
    """Sorted ranges that neither overlap nor touch."""
    out = []
    for first, last in sorted(ranges):
        if out and first <= out[-1][1] + 1:
            out[-1][1] = max(out[-1][1], last)
        else:
            out.append([first, last])
    return out


def gaps(covered, first, last):
    """The parts of [first, last] that are not covered."""
    for a, b in covered + [[last + 1, last + 1]]:
        if a > first:
            yield first, min(a - 1, last)
        first = max(first, b + 1)
        if first > last:
            return


class Robot:
    def __init__(self, options):
        self.o, self.started = options, time.monotonic()
        self.db = sqlite3.connect(os.path.join(options.state, "robot.db"))
        self.db.executescript("pragma journal_mode=wal; pragma synchronous=full;" + SCHEMA)
        self.outbox = secrets.token_urlsafe(12)
        with self.db:
            self.boot = (self.db.execute("select max(boot) from start").fetchone()[0] or 0) + 1
            self.db.execute("insert into start values (?)", (self.boot,))
            self.db.execute("delete from start where boot < ?", (self.boot,))
            self.db.execute("insert into outboxes values (?, 0, '[]')", (self.outbox,))
            # A row that an earlier start published counts as published now.
            self.db.execute("update rows set sent_boot = ?, sent_ms = 0 where sent_ms is not null", (self.boot,))
        for id, name in self.db.execute("select id, name from commands where ended = 0").fetchall():
            self.answer(id, name, "unknown")
        self.state, self.client, self.connected, self.is_over = {}, None, False, False
        self.live_due = self.repeated = -1e9
        self.in_flight, self.cutoff, self.session = {}, 0, ""

    # --- rows -----------------------------------------------------------------------------------------------------------------
    def mark(self):
        return [self.boot, int((time.monotonic() - self.started) * 1000)]

    def accepted(self, outbox):
        return self.db.execute("select accepted from outboxes where id = ?", (outbox,)).fetchone()[0]

    def add(self, kind, body):
        """Stores a row; kind is alert, telemetry, results or events. Call it in a transaction."""
        self.db.execute("update outboxes set accepted = accepted + 1 where id = ?", (self.outbox,))
        self.db.execute("insert into rows (outbox, seq, at, kind, body) values (?, ?, ?, ?, ?)",
                        (self.outbox, self.accepted(self.outbox), now_ms(), kind, json.dumps(body)))

    def reading(self, line):
        extra = {key: line[key] for key in ("alert", "incident") if key in line}
        with self.db:
            self.add("alert" if "alert" in extra else "telemetry", [line["channel"], line["value"]] + ([extra] if extra else []))
        self.state[line["channel"]] = line["value"]

    def answer(self, id, name, status, **more):
        with self.db:
            self.add("results", {"kind": "result", "id": id, **({"command": name} if name else {}), "status": status, **more})
            self.db.execute("insert into commands values (?, ?, 1) on conflict (id) do update set ended = 1", (id, name))

    # --- sending --------------------------------------------------------------------------------------------------------------
    def publish(self, topic, body, rows=()):
        info = self.client.publish(f"{self.o.prefix}/{topic}", json.dumps(body), qos=1)
        if rows:
            self.in_flight[info.mid] = [(outbox, seq) for outbox, seq, *_ in rows]

    def next_rows(self, where, *params):
        """The oldest rows of one outbox that wait to be sent and fit into one message."""
        busy, size, taken = {row for rows in self.in_flight.values() for row in rows}, 0, []
        for row in self.db.execute(f"select outbox, seq, at, kind, body from rows where sent_ms is null and {where} order by rowid", params):
            size += len(row[4]) + 50
            if row[:2] in busy or (taken and row[0] != taken[0][0]):
                continue
            if size > MAX_BYTES and taken:
                break
            taken.append(row)
            if row[3] in ("results", "events"):
                break
        return taken

    def send(self):
        old = "kind = 'telemetry' and (outbox <> ? or seq <= ?)"
        while len(self.in_flight) < WINDOW:
            is_live = time.monotonic() >= self.live_due
            rows = self.next_rows("kind = 'alert'") or self.next_rows("kind in ('results', 'events')")
            if not rows and is_live:
                rows = self.next_rows(f"kind = 'telemetry' and not ({old})", self.outbox, self.cutoff)
                if not rows:
                    self.live_due = time.monotonic() + self.o.interval
            rows = rows or self.next_rows(old, self.outbox, self.cutoff)
            if not rows:
                return
            outbox, seq, at, kind, body = rows[0]
            message = {"thing": self.o.thing, "outbox": outbox, "accepted": self.accepted(outbox), "mark": self.mark()}
            if kind in ("results", "events"):
                self.publish(kind, {**message, "seq": seq, "at": at, **json.loads(body)}, rows)
                continue
            is_backlog = kind == "telemetry" and (outbox != self.outbox or seq <= self.cutoff)
            message.update(kind="backlog" if is_backlog else kind, sent_at=now_ms(), readings=[[r[1], r[2], *json.loads(r[4])] for r in rows])
            if outbox == self.outbox and not is_backlog:
                message.update(self.state, state_seq=message["accepted"])
            self.publish("backlog" if is_backlog else "telemetry", message, rows)

    def acknowledged(self, client, userdata, mid, reason, properties):
        rows = self.in_flight.pop(mid, [])
        if not reason.is_failure:
            with self.db:
                self.db.executemany("update rows set sent_boot = ?, sent_ms = ?, tries = tries + 1 where outbox = ? and seq = ?",
                                    [(*self.mark(), *row) for row in rows])

    def presence(self, **more):
        named = self.db.execute("select id, accepted from outboxes where id = ? or exists (select 1 from rows where outbox = id)", (self.outbox,))
        return {"thing": self.o.thing, "session": self.session, "online": True, "at": now_ms(), "mark": self.mark(), "boot": self.boot,
                "outboxes": [list(row) for row in named], "commands": COMMANDS, "telemetry_every_ms": int(self.o.interval * 1000), **more}

    # --- receiving ------------------------------------------------------------------------------------------------------------
    def received(self, client, userdata, message):
        try:
            body = json.loads(message.payload)
        except ValueError:
            return
        if message.topic.endswith("/receipts"):
            self.receipt(body)
        elif isinstance(body, dict):
            self.command(body, message.retain)

    def receipt(self, r):
        known = self.db.execute("select accepted, covered from outboxes where id = ?", (r["outbox"],)).fetchone()
        highest = max([r["accepted"], r["through"]] + [last for _, last in r["also"]])
        if r["thing"] != self.o.thing or known is None or highest > known[0]:
            return print(f"a false receipt: {r}", file=sys.stderr)
        accepted, covered = known[0], merged(json.loads(known[1]) + r["also"] + ([[1, r["through"]]] if r["through"] else []))
        with self.db:
            self.db.execute("update outboxes set covered = ? where id = ?", (json.dumps(covered), r["outbox"]))
            self.db.executemany("delete from rows where outbox = ? and seq between ? and ?", [(r["outbox"], *part) for part in covered])
            for first, last in gaps(covered, r["after"] + 1, accepted if r["to"] is None else min(r["to"], accepted)):
                self.uncovered(r["outbox"], first, last, r["mark"])

    def uncovered(self, outbox, first, last, mark):
        """Rows that the cloud does not have: resend them, or declare the ones that were sent too often or are no longer here."""
        held = self.db.execute("select seq, tries, sent_boot, sent_ms from rows where outbox = ? and seq between ? and ?", (outbox, first, last))
        held, hopeless = held.fetchall(), []
        for seq, tries, boot, ms in held:
            if ms is None or boot != mark[0] or mark[1] - ms <= min(60_000 * 2 ** (tries - 1), 3_600_000):
                continue
            if tries < MAX_TRIES:
                self.db.execute("update rows set sent_ms = null where outbox = ? and seq = ?", (outbox, seq))
            else:
                hopeless.append([seq, seq])
                self.db.execute("delete from rows where outbox = ? and seq = ?", (outbox, seq))
        bodies = [json.loads(body) for (body,) in self.db.execute("select body from rows where kind = 'events'")]
        declared = [part for body in bodies if body["kind"] == "evicted" and body["of"] == outbox for part in body["ranges"]]
        gone = list(gaps(merged([[row[0]] * 2 for row in held] + declared), first, last))
        for reason, ranges in (("poison", hopeless), ("released", gone)):
            if ranges:
                self.add("events", {"kind": "evicted", "of": outbox, "ranges": merged(ranges), "reason": reason})

    def command(self, c, is_retained):
        id, name, now = c.get("id"), c.get("command"), now_ms()
        if not isinstance(id, str) or self.db.execute("select 1 from commands where id = ?", (id,)).fetchone():
            return
        args = c.get("args", {"value": c["value"]} if "value" in c else {})
        reason = ("retained" if is_retained else "malformed" if not isinstance(c.get("expires_at"), int)
                  else "unknown_command" if name != "buzzer" else "wrong_thing" if c.get("thing") != self.o.thing
                  else "clock_skew" if c.get("issued_at", now) > now + 60_000
                  else "bad_arguments" if not isinstance(args, dict) or set(args) != {"value"} or not isinstance(args["value"], bool) else None)
        if reason:
            return self.answer(id, name, "rejected", reason=reason)
        if now > c["expires_at"] + 2_000:
            return self.answer(id, name, "expired")
        with self.db:  # On disk before anything happens, so that it never happens twice.
            self.db.execute("insert into commands values (?, ?, 0)", (id, name))
        print(f"buzzer {'on' if args['value'] else 'off'}", flush=True)
        self.answer(id, name, "done", applied=args)

    # --- the connection -------------------------------------------------------------------------------------------------------
    def connect(self):
        o, self.session = self.o, secrets.token_hex(8)
        self.in_flight, self.connected, self.cutoff = {}, False, self.accepted(self.outbox)
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=o.thing, protocol=mqtt.MQTTv5)
        self.client.tls_set(ca_certs=o.ca, certfile=o.cert, keyfile=o.key, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        will = {"thing": o.thing, "session": self.session, "online": False, "at": now_ms(), "mark": self.mark()}
        self.client.will_set(f"{o.prefix}/presence", json.dumps(will), qos=1)
        self.client.on_connect = lambda *_: self.client.subscribe([(f"{o.prefix}/commands", 1), (f"{o.prefix}/receipts", 1)])
        self.client.on_subscribe, self.client.on_publish, self.client.on_message = self.subscribed, self.acknowledged, self.received
        self.client.connect(o.host, o.port, keepalive=30, clean_start=True)

    def subscribed(self, *_):
        self.connected = True
        self.publish("presence", self.presence())

    def repeat_presence(self):
        oldest = self.db.execute("select min(sent_ms) from rows where sent_boot = ?", (self.boot,)).fetchone()[0]
        waited = 0 if oldest is None else self.mark()[1] - oldest
        if waited > LATEST_WAIT_S * 1000 and time.monotonic() - self.repeated > REPEAT_EVERY_S:
            self.repeated = time.monotonic()
            self.publish("presence", self.presence())

    def take(self, lines):
        """Stores what was read so far; None marks the end of the input."""
        while not self.is_over and not lines.empty():
            line = lines.get()
            if line is None:
                self.is_over, self.live_due = True, 0
            else:
                self.reading(line)

    def run(self, lines):
        failures = 0
        while True:
            try:
                self.connect()
                while self.client.loop(0.05) == mqtt.MQTT_ERR_SUCCESS:
                    self.take(lines)
                    if self.connected:
                        failures = 0
                        self.send()
                        self.repeat_presence()
                        if self.is_over and not self.db.execute("select 1 from rows").fetchone():
                            return self.goodbye()
            except OSError as error:
                print(f"no connection: {error}", file=sys.stderr)
            again, failures = time.monotonic() + 1 + random.random() * min(300, 2 ** failures), failures + 1
            while time.monotonic() < again:
                self.take(lines)
                time.sleep(0.05)

    def goodbye(self):
        farewell = self.client.publish(f"{self.o.prefix}/presence", json.dumps(self.presence(online=False, reason="stopped")), qos=1)
        while not farewell.is_published() and self.client.loop(0.05) == mqtt.MQTT_ERR_SUCCESS:
            pass
        self.client.disconnect()
        self.client.loop(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("host", "localhost"), ("port", 8883), ("ca", None), ("cert", None), ("key", None), ("thing", "elderly-bot"),
                          ("prefix", "elderly_bot"), ("state", "."), ("interval", 60.0)):
        parser.add_argument(f"--{name}", default=default, required=default is None, type=str if default is None else type(default))
    lines = queue.Queue()

    def read():
        for text in sys.stdin:
            lines.put(json.loads(text))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    Robot(parser.parse_args()).run(lines)


main()
