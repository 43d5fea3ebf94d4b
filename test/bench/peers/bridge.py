"""What many would write: rclpy to paho-mqtt, each message published at once; with --sqlite each is committed first and deleted
when the broker has acknowledged it.
"""
import argparse
import json
import os
import ssl
import sqlite3
import sys
import threading
import time

import paho.mqtt.client as mqtt
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool, Float64


class Kept:
    """A row a message, WAL and synchronous=FULL: what a careful author would set."""

    def __init__(self, file):
        self.lock = threading.Lock()
        self.db = sqlite3.connect(file, check_same_thread=False)
        self.db.execute("pragma journal_mode = wal")
        self.db.execute("pragma synchronous = full")
        self.db.execute("create table rows (seq integer primary key, body text not null)")
        self.db.commit()

    def insert(self, seq, body):
        with self.lock:
            self.db.execute("insert into rows values (?, ?)", (seq, body))
            self.db.commit()

    def delete(self, seq):
        with self.lock:
            self.db.execute("delete from rows where seq = ?", (seq,))
            self.db.commit()


class Bridge:
    def __init__(self, given):
        self.topic, self.channel = given.mqtt_topic, given.channel
        self.seq = 0
        self.kept = Kept(given.sqlite) if given.sqlite else None
        self.on_way, self.early, self.lock = {}, set(), threading.Lock()
        self.connected = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="bench-rclpy", protocol=mqtt.MQTTv5)
        self.client.tls_set(os.environ["BENCH_CA"], os.environ["BENCH_CERT"], os.environ["BENCH_KEY"], cert_reqs=ssl.CERT_REQUIRED)
        self.client.max_queued_messages_set(0)
        self.client.max_inflight_messages_set(100)
        self.client.on_connect = lambda *_: self.connected.set()
        if self.kept:
            self.client.on_publish = self.on_publish
        self.client.connect("localhost", int(os.environ["BENCH_PORT"]), keepalive=30)
        self.client.loop_start()

    def take(self, message):
        self.seq += 1
        now = int(time.time() * 1000)
        body = json.dumps({"thing": "elderly-bot", "kind": "telemetry", "sent_at": now, self.channel: message.data,
                           "readings": [[self.seq, now, self.channel, message.data]]})
        if not self.kept:
            self.client.publish(self.topic, body, qos=1)
            return
        self.kept.insert(self.seq, body)
        mid = self.client.publish(self.topic, body, qos=1).mid
        with self.lock:
            if mid not in self.early:
                self.on_way[mid] = self.seq
                return
            self.early.discard(mid)
        self.kept.delete(self.seq)

    def on_publish(self, client, userdata, mid, reason_code, properties):
        with self.lock:
            seq = self.on_way.pop(mid, None)
            if seq is None:
                self.early.add(mid)
                return
        self.kept.delete(seq)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--topic", required=True)
    parser.add_argument("--type", choices=["bool", "float"], required=True)
    parser.add_argument("--channel", required=True)
    parser.add_argument("--mqtt-topic", required=True)
    parser.add_argument("--sqlite")
    given = parser.parse_args()
    rclpy.init()
    bridge = Bridge(given)
    node = rclpy.create_node("bench_bridge")
    qos = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
    node.create_subscription(Bool if given.type == "bool" else Float64, given.topic, bridge.take, qos)
    bridge.connected.wait(10)
    sys.stdout.write(json.dumps({"event": "connected"}) + "\n")
    sys.stdout.flush()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


main()
