"""The load: publishes std_msgs Bool (alternating, true first) or Float64 (counting from 0) at a steady rate, and keeps the
CLOCK_MONOTONIC nanoseconds of each publish. Says `matched`, `started` (after the warm-up) and `done` as JSON lines.
"""
import argparse
import array
import json
import sys
import time

import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool, Float64


def say(event, **fields):
    sys.stdout.write(json.dumps({"event": event, "ns": time.monotonic_ns(), **fields}) + "\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--topic", required=True)
    parser.add_argument("--type", choices=["bool", "float"], required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--warmup", type=float, default=1.0)
    parser.add_argument("--settle", type=float, default=0.3, help="seconds between matching and the first message")
    parser.add_argument("--unmatched", action="store_true", help="publish from the start, whether anybody listens or not")
    parser.add_argument("--out", required=True)
    given = parser.parse_args()
    rclpy.init()
    node = rclpy.create_node("bench_load", start_parameter_services=False, enable_rosout=False)
    cls, as_data = (Bool, lambda n: n % 2 == 0) if given.type == "bool" else (Float64, float)
    publisher = node.create_publisher(cls, given.topic, QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE))
    say("ready")
    if not given.unmatched:
        while publisher.get_subscription_count() == 0:
            time.sleep(0.001)
        say("matched")
        time.sleep(given.settle)
    stamps = array.array("d")
    warm, total = int(given.rate * given.warmup), int(given.rate * (given.warmup + given.seconds))
    message, step, matched = cls(), 1 / given.rate, not given.unmatched
    start = time.monotonic()
    for n in range(total):
        if n == warm:
            say("started")
        ahead = start + n * step - time.monotonic()
        if ahead > (0.0005 if given.rate > 2000 else 0.00005):
            time.sleep(ahead)
        if not matched and publisher.get_subscription_count() > 0:
            matched = True
            say("matched")
        message.data = as_data(n)
        stamps.append(time.monotonic_ns())
        publisher.publish(message)
    took = time.monotonic() - start
    with open(given.out, "wb") as file:
        stamps.tofile(file)
    say("done", count=total, warm=warm, rate=total / took)
    # Stays until told, so that reliable delivery can finish what is still on its way.
    sys.stdin.readline()


main()
