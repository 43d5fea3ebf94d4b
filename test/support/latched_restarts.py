"""Restarts a latched publisher of rclpy: each publishes once, waits for its match, lives for a while and ends. Prints each number.

Arguments: topic, number of starts, seconds to live after the match.
"""
import sys
import time

import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Bool

topic, starts, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

for start in range(starts):
    rclpy.init()
    node = rclpy.create_node("restarting", start_parameter_services=False, enable_rosout=False)
    publisher = node.create_publisher(Bool, topic, LATCHED)
    publisher.publish(Bool(data=True))
    while publisher.get_subscription_count() == 0:
        time.sleep(0.002)
    time.sleep(seconds)
    node.destroy_node()
    rclpy.shutdown()
    print(start + 1, flush=True)
