"""What else a robot publishes: `numbers` on twenty topics (a slow drift with noise), a `flood` on one, or a `camera` of 640x480 rgb8.
Says `started` once all are matched and `done` after its seconds, as JSON lines; ends with its standard input.
"""
import argparse
import json
import random
import sys
import time

import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Float64


def say(event, **fields):
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["numbers", "flood", "camera"])
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    rclpy.init()
    node = rclpy.create_node("bench_crowd", start_parameter_services=False, enable_rosout=False)
    topics = [f"/crowd/c{n}" for n in range(20)] if given.kind == "numbers" else [f"/crowd/{given.kind}"]
    cls = Image if given.kind == "camera" else Float64
    qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
    publishers = [node.create_publisher(cls, topic, qos) for topic in topics]
    while any(publisher.get_subscription_count() == 0 for publisher in publishers):
        time.sleep(0.01)
    message = cls()
    if given.kind == "camera":
        message.width, message.height, message.step, message.encoding = 640, 480, 640 * 3, "rgb8"
        message.data = bytes(640 * 480 * 3)
    noise, total = random.Random(1), int(given.rate * given.seconds)
    say("started")
    start = time.monotonic()
    for n in range(total):
        ahead = start + n / given.rate - time.monotonic()
        if ahead > 0.0005:
            time.sleep(ahead)
        for publisher in publishers:
            if given.kind != "camera":
                message.data = 20 + n / 500 + noise.uniform(-0.1, 0.1)
            publisher.publish(message)
    say("done", rate=total / (time.monotonic() - start))
    sys.stdin.readline()


main()
