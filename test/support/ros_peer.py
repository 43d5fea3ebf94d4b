"""A ROS 2 program of another make (rclpy) for tests: commands as JSON lines on stdin, replies and messages on stdout.

Each command has an id and is answered by {"id": ..} or {"id": .., "error": ..}; a message that arrives on a subscribed topic
is {"topic": .., "message": {..}}. JSON has no NaN, infinities or exact large integers: they are the strings "NaN",
"Infinity", "-Infinity" and decimal digits, both ways. Bytes may be given as {"hex": ".."}. The program ends when stdin does.
"""
import array
import importlib
import json
import math
import sys
import threading
import time

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosidl_parser.definition import AbstractNestedType, BasicType, NamespacedType

import pictures

SAFE_INTEGER = 2**53 - 1
output = threading.Lock()


def say(line):
    with output:
        sys.stdout.write(json.dumps(line, allow_nan=False) + "\n")
        sys.stdout.flush()


def message_class(name):
    package, *_, message = name.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), message)


def to_field(value, kind):
    if isinstance(kind, NamespacedType):
        return fill(message_class("/".join(kind.namespaced_name())), value)
    if isinstance(kind, AbstractNestedType) and isinstance(value, dict):
        return array.array("B", bytes.fromhex(value["hex"]))
    if isinstance(kind, AbstractNestedType):
        return [to_field(each, kind.value_type) for each in value]
    if isinstance(kind, BasicType):
        if kind.typename in ("float", "double"):
            return float(value)
        if kind.typename == "octet":
            return bytes([value])
        return bool(value) if kind.typename == "boolean" else int(value)
    return value


def fill(cls, fields):
    message = cls()
    kinds = dict(zip(message.get_fields_and_field_types(), message.SLOT_TYPES))
    for name, value in fields.items():
        setattr(message, name, to_field(value, kinds[name]))
    return message


def from_field(value):
    if hasattr(value, "get_fields_and_field_types"):
        return {name: from_field(getattr(value, name)) for name in value.get_fields_and_field_types()}
    if isinstance(value, bytes):
        return value[0]
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER else str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
    return [from_field(each if not hasattr(each, "item") else each.item()) for each in value]


def profile(given):
    given = given or {}
    return QoSProfile(
        depth=given.get("depth", 1000),
        reliability=ReliabilityPolicy[given.get("reliability", "reliable").upper()],
        durability=DurabilityPolicy[given.get("durability", "volatile").upper()],
    )


class Peer:
    def __init__(self, name):
        rclpy.init()
        self.node = rclpy.create_node(name, start_parameter_services=False, enable_rosout=False)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.publishers = {}
        self.subscriptions = {}
        self.received = {}

    def spin(self):
        try:
            self.executor.spin()
        except ExternalShutdownException:
            pass

    def publisher(self, command):
        topic = command["topic"]
        if topic not in self.publishers:
            cls = message_class(command["type"])
            self.publishers[topic] = (cls, self.node.create_publisher(cls, topic, profile(command.get("qos"))))
        return self.publishers[topic]

    def advertise(self, command):
        self.publisher(command)

    def publish(self, command):
        cls, publisher = self.publisher(command)
        publisher.publish(fill(cls, command["fields"]))

    def publish_bytes(self, command):
        self.publisher(command)[1].publish(bytes.fromhex(command["hex"]))

    def picture(self, command):
        """The test picture of pictures.py as sensor_msgs/Image."""
        cls, publisher = self.publisher(command)
        publisher.publish(fill(cls, pictures.image(**command["picture"])))

    def burst(self, command):
        """`count` messages at `rate` a second on each of `topics`, the field `data` counting from 0 to below `turn`, and again."""
        found = [self.publisher({**command, "topic": topic}) for topic in command["topics"]]
        cls, publishers = found[0][0], [publisher for _, publisher in found]
        message, start = cls(), time.perf_counter()
        as_data = type(message.data)
        for n in range(command["count"]):
            message.data = as_data(n % command.get("turn", command["count"]))
            for publisher in publishers:
                publisher.publish(message)
            ahead = start + (n + 1) / command["rate"] - time.perf_counter()
            if ahead > 0.0005:
                time.sleep(ahead)
        return {"seconds": time.perf_counter() - start}

    def subscribe(self, command):
        topic = command["topic"]
        self.received[topic] = 0

        def on_message(message):
            self.received[topic] += 1
            if not command.get("quiet"):
                say({"topic": topic, "message": from_field(message)})

        self.subscriptions[topic] = self.node.create_subscription(
            message_class(command["type"]), topic, on_message, profile(command.get("qos"))
        )

    def count(self, command):
        return {"received": self.received[command["topic"]]}

    def matched(self, command):
        topic, deadline = command["topic"], time.monotonic() + command["timeout"]
        while time.monotonic() < deadline:
            if topic in self.publishers:
                found = self.publishers[topic][1].get_subscription_count()
            else:
                found = self.subscriptions[topic].get_publisher_count()
            if found >= command["count"]:
                return None
            time.sleep(0.005)
        raise TimeoutError(f"nobody on {topic} after {command['timeout']} s")


COMMANDS = ("advertise", "publish", "publish_bytes", "picture", "burst", "subscribe", "count", "matched")


def main():
    peer = Peer(sys.argv[1])
    spinning = threading.Thread(target=peer.spin, daemon=True)
    spinning.start()
    say({"ready": True})
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if command["do"] not in COMMANDS:
                raise ValueError(f"no command {command['do']}")
            say({"id": command["id"], **(getattr(peer, command["do"])(command) or {})})
        except Exception as error:
            say({"id": command["id"], "error": f"{type(error).__name__}: {error}"})
    # Says goodbye: the graph of the others forgets a node that only ends after its lease of 20 s.
    peer.executor.shutdown()
    spinning.join()
    peer.node.destroy_node()
    rclpy.try_shutdown()


main()
