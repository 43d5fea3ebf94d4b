"""What schemathesis has to know of this API: who asks, and that nobody is stopped by a limit of how often."""
import os
import random
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


@schemathesis.hook
def before_call(context, case, kwargs):
    """Each try of /auth from another address: the limits have tests of their own."""
    if case.operation.path.startswith("/auth/"):
        case.headers = case.headers or {}
        case.headers["X-Forwarded-For"] = ".".join(str(random.randrange(1, 255)) for _ in range(4))
