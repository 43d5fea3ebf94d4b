"""What else a robot publishes: `numbers` on twenty topics (a slow drift with noise), a `flood` on one, a `camera` of 640x480 rgb8, or
`jpeg`: a file as CompressedImage.
Says `started` once all are matched and `done` after its seconds, as JSON lines; ends with its standard input.
"""
import argparse
import array
import json
import random
import sys
import time

import numpy
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Float64


def say(event, **fields):
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def room():
    """What a room looks like to an encoder: smooth areas, some edges, a sensor's noise."""
    x, y = numpy.meshgrid(numpy.arange(640), numpy.arange(480))
    planes = [x * 200 // 640, y * 200 // 480, (x // 80 + y // 60) % 2 * 120 + 40]
    noise = numpy.random.default_rng(1).integers(-6, 7, (480, 640, 3))
    return array.array("B", (numpy.stack(planes, axis=2) + noise).clip(0, 255).astype(numpy.uint8).tobytes())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["numbers", "flood", "camera", "jpeg"])
    parser.add_argument("--file", help="of jpeg")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    rclpy.init()
    node = rclpy.create_node("bench_crowd", start_parameter_services=False, enable_rosout=False)
    topics = [f"/crowd/c{n}" for n in range(20)] if given.kind == "numbers" else [f"/crowd/{given.kind}"]
    cls = {"camera": Image, "jpeg": CompressedImage}.get(given.kind, Float64)
    qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
    publishers = [node.create_publisher(cls, topic, qos) for topic in topics]
    while any(publisher.get_subscription_count() == 0 for publisher in publishers):
        time.sleep(0.01)
    message = cls()
    if given.kind == "camera":
        message.width, message.height, message.step, message.encoding = 640, 480, 640 * 3, "rgb8"
        message.data = room()
    if given.kind == "jpeg":
        with open(given.file, "rb") as file:
            message.format, message.data = "jpeg", array.array("B", file.read())
    noise, total = random.Random(1), int(given.rate * given.seconds)
    say("started")
    start = time.monotonic()
    for n in range(total):
        ahead = start + n / given.rate - time.monotonic()
        if ahead > 0.0005:
            time.sleep(ahead)
        for publisher in publishers:
            if cls is Float64:
                message.data = 20 + n / 500 + noise.uniform(-0.1, 0.1)
            publisher.publish(message)
    say("done", rate=total / (time.monotonic() - start))
    sys.stdin.readline()


main()
