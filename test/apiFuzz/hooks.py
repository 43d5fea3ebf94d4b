"""What schemathesis has to know of this API: who asks, and which commands there are."""
import os
import re
import urllib.request

import schemathesis


@schemathesis.auth(refresh_interval=None, retry_on=[])
class Bearer:
    """A member's token, and for robots' routes a robot's, which is good once: a new one each time."""

    def get(self, case, context):
        if context.operation.path == "/uploads":
            return urllib.request.urlopen(os.environ["FUZZ_DEVICE_TOKENS"]).read().decode()
        return os.environ["FUZZ_USER_TOKEN"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook.apply_to(method="POST", path="/commands")
def map_body(context, body):
    """Every other command is one that the robot has announced, which the schema can't say: all would be refused for their name."""
    name = body.get("command") if isinstance(body, dict) else None
    if isinstance(name, str) and re.fullmatch("[a-z][a-z0-9_]{0,39}", name) and len(name) % 2:
        return {**body, "command": "buzzer"}
    return body
