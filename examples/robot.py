#!/usr/bin/env python3
"""A small robot for the cloud of this repository, written from docs/reference alone. It needs Python 3.10 and paho-mqtt 2.

It reads readings from standard input, one JSON object per line: {"channel": "fall", "value": true, "alert": "raised", "incident": "i-1"}
(alert and incident may be absent). Every line becomes a row. The robot keeps a row on disk until a receipt covers it. It takes one
command, buzzer, which prints a line. At the end of the input it waits until the cloud has every row, says goodbye and exits.

--confirm, --repeat and --resend are the waits of the protocol in seconds. A row without a receipt makes the robot repeat its presence after
the first, but not sooner than the second after the last repetition. The robot sends such a row again after the third. Tests shorten them.
"""
import argparse, json, math, os, queue, random, re, secrets, signal, sqlite3, ssl, sys, threading, time
import paho.mqtt.client as mqtt

TABLES = """
create table if not exists outboxes (id text primary key, accepted integer, covered text);
create table if not exists rows (outbox text, seq integer, at integer, kind text, body text, state text default 'waiting',
  acknowledged_ms integer, tries integer default 0, primary key (outbox, seq));
create table if not exists commands (id text primary key, name text, answered integer default 0);"""
COMMANDS = [{"name": "buzzer", "motion": False, "args": {"type": "object", "properties": {"value": {"type": "boolean"}},
                                                         "required": ["value"], "additionalProperties": False}}]
RESERVED = "thing outbox accepted mark kind sent_at state_seq readings seq at".split()
# Messages without PUBACK, rows and bytes in one message, publishes of one row, and the longest validity of a command.
WINDOW, MESSAGE_ROWS, MESSAGE_BYTES, MAX_TRIES, MAX_VALID_MS = 20, 500, 60_000, 10, 300_000


def now_ms():
    return int(time.time() * 1000)


def union(ranges):
    """Sorts ranges and joins those that overlap or touch."""
    joined = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return joined


def without(ranges, removed):
    """The parts of ranges that are not in removed."""
    left = []
    for first, last in ranges:
        for start, end in union(removed) + [[last + 1, last + 1]]:
            if first <= last and first < start:
                left.append([first, min(start - 1, last)])
            first = max(first, end + 1)
    return left


def next_boot(path):
    """Counts this start. The counter has its own file, because it must grow even if the file of the rows is replaced."""
    boot = int(open(path).read()) + 1 if os.path.exists(path) else 1
    with open(path + ".new", "w") as file:
        file.write(str(boot))
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)
    return boot


def row_of(line):
    """Turns a line of the input into the kind and the body of a row."""
    reading = json.loads(line)
    channel, value = reading["channel"], reading["value"]
    if not re.fullmatch("[a-z][a-z0-9_]{0,39}", channel) or channel in RESERVED:
        raise ValueError(f"{channel} is not the name of a channel")
    extra = {name: reading[name] for name in ("alert", "incident") if name in reading}
    if isinstance(value, float) and not math.isfinite(value):
        value, extra["bad"] = None, "nan"  # JSON has no such number.
    return "alert" if "alert" in extra else "reading", [channel, value] + ([extra] if extra else [])


class Store:
    """Rows, ranges of receipts, and ids of commands, in one SQLite file. The caller opens each transaction: `with store.db`."""

    def __init__(self, folder):
        self.boot, self.open = next_boot(os.path.join(folder, "boot")), secrets.token_urlsafe(9)
        self.db = sqlite3.connect(os.path.join(folder, "robot.db"))
        self.db.executescript("pragma journal_mode = wal; pragma synchronous = full;" + TABLES)
        with self.db:
            self.db.execute("insert into outboxes values (?, 0, '[]')", [self.open])
            # The time of an earlier start is lost, so its rows count as published now.
            self.db.execute("update rows set acknowledged_ms = 0 where state = 'sent'")
            self.forget_flying()
            for id, name in self.db.execute("select id, name from commands where not answered").fetchall():
                self.answer(id, name, "unknown")

    def first(self, sql, *values):
        return self.db.execute(sql, values).fetchone()

    def accepted(self, outbox):
        return self.first("select accepted from outboxes where id = ?", outbox)[0]

    def add(self, kind, body):
        self.db.execute("update outboxes set accepted = accepted + 1 where id = ?", [self.open])
        self.db.execute("insert into rows (outbox, seq, at, kind, body) values (?, ?, ?, ?, ?)",
                        [self.open, self.accepted(self.open), now_ms(), kind, json.dumps(body)])

    def delete(self, outbox, ranges):
        self.db.executemany("delete from rows where outbox = ? and seq between ? and ?", [[outbox, *part] for part in ranges])

    def evict(self, outbox, ranges, reason):
        if ranges:
            self.delete(outbox, ranges)
            self.add("event", {"kind": "evicted", "of": outbox, "ranges": ranges, "reason": reason})

    def answer(self, id, name, status, **more):
        self.add("result", {"kind": "result", "id": id, **({"command": name} if name else {}), "status": status, **more})
        self.db.execute("update commands set answered = 1 where id = ?", [id])

    def change(self, names, assignments, *values):
        self.db.executemany(f"update rows set {assignments} where outbox = ? and seq = ?", [[*values, *name] for name in names])

    def forget_flying(self):
        """A row that had no PUBACK when the connection ended is sent again."""
        self.db.execute("update rows set state = 'waiting' where state = 'flying'")

    def next_rows(self, backlog_to, live_to):
        """Rows for one message: alerts (rank 0), else a result or an event (1), else live readings (2), else backlog (3)."""
        found = self.db.execute("""select outbox, seq, at, kind, body, case kind when 'alert' then 0 when 'reading' then
            case when outbox = :open and seq > :backlog then 2 else 3 end else 1 end as rank from rows
            where state = 'waiting' and (kind <> 'reading' or outbox <> :open or seq <= :live) order by rank, rowid limit :count""",
                                {"open": self.open, "backlog": backlog_to, "live": live_to, "count": MESSAGE_ROWS}).fetchall()
        rows, size = [], 0
        for row in found:
            size += len(row[4]) + 40
            if rows and (rows[0][5] == 1 or (row[0], row[5]) != (rows[0][0], rows[0][5]) or size > MESSAGE_BYTES):
                break
            rows.append(row)
        return rows

    def declared(self, outbox):
        """The ranges that declarations on their way name."""
        events = [json.loads(body) for [body] in self.db.execute("select body from rows where kind = 'event'")]
        return [part for event in events if event["kind"] == "evicted" and event["of"] == outbox for part in event["ranges"]]

    def apply(self, receipt, resend_ms):
        outbox = receipt["outbox"]
        accepted, covered = self.first("select accepted, covered from outboxes where id = ?", outbox)
        accepted = max(accepted, receipt["accepted"])
        covered = union(json.loads(covered) + receipt["also"] + ([[1, receipt["through"]]] if receipt["through"] else []))
        self.db.execute("update outboxes set accepted = ?, covered = ? where id = ?", [accepted, json.dumps(covered), outbox])
        self.delete(outbox, covered)
        end = accepted if receipt["to"] is None else min(receipt["to"], accepted)
        self.recover(outbox, without([[receipt["after"] + 1, end]], covered), receipt["mark"], resend_ms)

    def recover(self, outbox, uncovered, mark, resend_ms):
        """Sends rows again that the cloud should have and does not have, and declares those that never will come."""
        held = self.db.execute("select seq, state, acknowledged_ms, tries from rows where outbox = ?", [outbox]).fetchall()
        self.evict(outbox, without(uncovered, [[row[0], row[0]] for row in held] + self.declared(outbox)), "released")
        for seq, state, acknowledged_ms, tries in held:
            if state != "sent" or mark[0] != self.boot or not any(first <= seq <= last for first, last in uncovered):
                continue
            # The wait doubles with each try, to at most 60 times the first wait.
            if mark[1] - acknowledged_ms <= resend_ms * min(2 ** (tries - 1), 60):
                continue
            if tries < MAX_TRIES:
                self.change([(outbox, seq)], "state = 'waiting'")
            else:
                self.evict(outbox, [[seq, seq]], "poison")


class Robot:
    def __init__(self, options):
        self.options, self.store, self.lines = options, Store(options.state), queue.SimpleQueue()
        self.started, self.latest, self.flying = time.monotonic(), {}, {}
        self.backlog_to = self.live_to = self.live_at = self.repeat_at = self.connected_at = self.failures = 0
        self.online = self.input_ended = self.asked = self.stopping = self.had_false_receipt = False

    def run(self):
        threading.Thread(target=self.read_input, daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        while not self.stopping:
            try:
                self.connect()
                while not self.stopping and self.client.loop(0.05) == mqtt.MQTT_ERR_SUCCESS:
                    self.store_lines()
                    if self.online:
                        self.work()
            except OSError as error:
                print(f"no connection: {error}", file=sys.stderr)
            if not self.stopping:
                self.wait_for_next_try()
        if self.online:
            self.say_goodbye()

    def stop(self, *_):
        self.stopping = True

    def read_input(self):
        for line in sys.stdin:
            self.lines.put(line)
        self.lines.put(None)

    def store_lines(self):
        while not self.lines.empty() and not self.input_ended:
            line = self.lines.get()
            self.input_ended = line is None
            if line:
                self.store_line(line)

    def store_line(self, line):
        try:
            kind, body = row_of(line)
        except (ValueError, LookupError, TypeError) as error:
            return print(f"ignored {line.strip()}: {error!r}", file=sys.stderr)
        with self.store.db:
            self.store.add(kind, body)
        self.latest[body[0]] = body[1]

    def work(self):
        now = time.monotonic()
        if now >= self.live_at or self.input_ended:
            self.live_to, self.live_at = self.store.accepted(self.store.open), now + self.options.interval
        self.publish_rows()
        self.ask_for_receipts(now)
        self.stopping |= self.input_ended and not self.store.first("select 1 from rows")

    # --- the connection ---

    def connect(self):
        """Each connection has a new client, because a client of paho would repeat its old messages with their old marks."""
        self.session = secrets.token_hex(8)
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, self.options.thing, protocol=mqtt.MQTTv5)
        self.client.tls_set(self.options.ca, self.options.cert, self.options.key, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.client.will_set(self.topic("presence"), json.dumps(self.presence(False)), qos=1)
        self.client.on_connect, self.client.on_publish = self.on_connect, self.on_puback
        self.client.message_callback_add(self.topic("receipts"), self.on_receipt)
        self.client.message_callback_add(self.topic("commands"), self.on_command)
        self.client.connect(self.options.host, self.options.port, keepalive=30, clean_start=True)

    def on_connect(self, client, _, flags, code, properties):
        if code.is_failure:
            return print(f"the broker refused the connection: {code}", file=sys.stderr)
        self.online, self.failures, self.connected_at = True, 0, now_ms()
        self.backlog_to = self.live_to = self.store.accepted(self.store.open)
        client.subscribe([(self.topic("commands"), 1), (self.topic("receipts"), 1)])
        self.publish_presence()

    def wait_for_next_try(self):
        self.online, self.flying = False, {}
        with self.store.db:
            self.store.forget_flying()
        again = time.monotonic() + random.uniform(0, min(2 ** self.failures, 300))
        self.failures += 1
        while time.monotonic() < again and not self.stopping:
            self.store_lines()
            time.sleep(0.05)

    def say_goodbye(self):
        goodbye = self.publish("presence", self.presence(False, reason="stopped"))
        while not goodbye.is_published() and self.client.loop(0.05) == mqtt.MQTT_ERR_SUCCESS:
            pass
        self.client.disconnect()

    def topic(self, name):
        return f"{self.options.prefix}/{name}"

    def publish(self, topic, message):
        return self.client.publish(self.topic(topic), json.dumps(message), qos=1)

    def mark(self):
        return [self.store.boot, int((time.monotonic() - self.started) * 1000)]

    def presence(self, online, **more):
        return {"thing": self.options.thing, "session": self.session, "online": online, "at": now_ms(), "mark": self.mark(), **more}

    def publish_presence(self):
        outboxes = self.store.db.execute("select id, accepted from outboxes where id = ? or id in (select outbox from rows)",
                                         [self.store.open]).fetchall()
        self.publish("presence", self.presence(True, boot=self.store.boot, outboxes=outboxes, commands=COMMANDS,
                                               telemetry_every_ms=int(self.options.interval * 1000)))

    # --- rows and receipts ---

    def publish_rows(self):
        with self.store.db:
            while len(self.flying) < WINDOW and (rows := self.store.next_rows(self.backlog_to, self.live_to)):
                names = [row[:2] for row in rows]
                self.store.change(names, "state = 'flying'")
                self.flying[self.publish(*self.message(rows)).mid] = names

    def message(self, rows):
        """The topic and the message of rows that `next_rows` chose."""
        outbox, seq, at, kind, body, rank = rows[0]
        envelope = {"thing": self.options.thing, "outbox": outbox, "accepted": self.store.accepted(outbox), "mark": self.mark()}
        if rank == 1:
            return kind + "s", {**envelope, "seq": seq, "at": at, **json.loads(body)}
        state = {"state_seq": envelope["accepted"], **self.latest} if outbox == self.store.open and rank < 3 else {}
        readings = [[row[1], row[2], *json.loads(row[4])] for row in rows]
        return "backlog" if rank == 3 else "telemetry", {**envelope, "kind": {0: "alert", 2: "telemetry", 3: "backlog"}[rank],
                                                         "sent_at": now_ms(), **state, "readings": readings}

    def on_puback(self, client, _, mid, code, properties):
        with self.store.db:
            self.store.change(self.flying.pop(mid, []), "state = 'sent', tries = tries + 1, acknowledged_ms = ?", self.mark()[1])

    def ask_for_receipts(self, now):
        """The cloud answers a presence with receipts. One is due when a row waits for too long, and after the last row of the input."""
        late_ms = self.mark()[1] - self.options.confirm * 1000
        is_late = self.store.first("select 1 from rows where state = 'sent' and acknowledged_ms < ?", late_ms)
        is_last = self.input_ended and not self.asked and not self.store.first("select 1 from rows where state <> 'sent'")
        if is_last or is_late and now >= self.repeat_at:
            self.asked, self.repeat_at = self.input_ended, now + self.options.repeat
            self.publish_presence()

    def on_receipt(self, client, _, message):
        try:
            receipt, open = json.loads(message.payload), self.store.open
            highest = max([receipt["accepted"], receipt["through"]] + [last for _, last in receipt["also"]])
            is_false = receipt["thing"] != self.options.thing or receipt["outbox"] == open and highest > self.store.accepted(open)
            if not is_false:
                with self.store.db:
                    self.store.apply(receipt, self.options.resend * 1000)
        except (ValueError, LookupError, TypeError, OverflowError):  # It has another form, or its outbox is unknown.
            is_false = True
        if is_false != self.had_false_receipt:
            self.had_false_receipt = is_false
            with self.store.db:
                self.store.add("event", {"kind": "problem", "code": "receipt_invalid", "severity": "error",
                                         "state": "raised" if is_false else "cleared", "text": "a receipt was false"})

    # --- commands ---

    def on_command(self, client, _, message):
        try:
            command = json.loads(message.payload) if len(message.payload) <= 8192 else {}
            id, name = command["id"], command.get("command")
            if not re.fullmatch("[A-Za-z0-9_-]{1,64}", id) or self.store.first("select 1 from commands where id = ?", id):
                return  # There is no result without an id, and no second result for an id.
        except (ValueError, LookupError, TypeError, AttributeError):
            return
        if not isinstance(name, str) or not re.fullmatch("[a-z][a-z0-9_]{0,39}", name):
            name = None
        with self.store.db:  # The id is on disk before the robot acts, so that a command never runs twice.
            self.store.db.execute("insert into commands (id, name) values (?, ?)", [id, name])
        args = command.get("args", {"value": command.get("value")})
        refusal = self.refusal(command, name, args, message.retain)
        if not refusal:
            print("buzzer", "on" if args["value"] else "off", flush=True)
        outcome = refusal or {"status": "done", "applied": args}
        with self.store.db:
            self.store.answer(id, name, **outcome)

    def refusal(self, command, name, args, is_retained):
        """The result of a command that must not run, or None."""
        now = now_ms()
        expires_at, issued_at = command.get("expires_at"), command.get("issued_at", now)
        is_malformed = name is None or type(expires_at) is not int or type(issued_at) is not int
        if is_retained or is_malformed or command.get("thing") != self.options.thing:
            reason = "retained" if is_retained else "malformed" if is_malformed else "wrong_thing"
        elif name != "buzzer":
            reason = "unknown_command"
        elif now > expires_at + 2_000:
            return {"status": "expired"}
        elif issued_at > now + 60_000:
            reason = "clock_skew"
        elif expires_at - issued_at > MAX_VALID_MS or issued_at < self.connected_at - 2_000:
            reason = "not_allowed"
        elif {"args", "value"} <= command.keys() or json.dumps(args) not in ('{"value": true}', '{"value": false}'):
            reason = "bad_arguments"
        else:
            return None
        return {"status": "rejected", "reason": reason}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("host", "localhost"), ("port", 8883), ("ca", None), ("cert", None), ("key", None),
                          ("thing", "elderly-bot"), ("prefix", "elderly_bot"), ("state", "."), ("interval", 60.0),
                          ("confirm", 90.0), ("repeat", 300.0), ("resend", 60.0)):
        parser.add_argument(f"--{name}", default=default, required=default is None, type=str if default is None else type(default))
    Robot(parser.parse_args()).run()


if __name__ == "__main__":
    main()
