#!/usr/bin/env python3
"""A miner outside of the node: it asks for a template, searches a nonce, and hands it in.

    python3 docs/miner.py [--reward ADDRESS] [--blocks N] [API]

Nothing but Python's standard library. The node gives the BLAKE3 hash of the header, so that only SHA-256
is needed here: the work is SHA-256(SHA-256(header hash, nonce)), with the nonce as 8 bytes, little-endian,
and the result read as a big-endian number must not exceed the target. Without --reward the node pays whom
it is configured for (--reward-address). See docs/rest.md.
"""

import argparse
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.request

# After so many tries the head is looked at: about a tenth of a second.
CHUNK = 100_000
# A template's time should not fall behind, and there may be new transactions.
MAX_AGE = 5.0
# A node that is stopped, or busy, is asked again after so many seconds.
RETRY = 1.0


def call(url, value=None):
    """The answer, or None and the problem's name if the node refuses."""
    body = None if value is None else json.dumps(value).encode()
    headers = {} if body is None else {"Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
            return json.load(answer), None
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        print(problem["detail"], file=sys.stderr)
        return None, problem["type"].rsplit(":", 1)[-1]
    except (urllib.error.URLError, TimeoutError) as error:
        print(f"{url} cannot be reached: {error}", file=sys.stderr)
        return None, "busy"


def search(template, still_good):
    """A nonce that is good enough, or None when the template is not worth any more work."""
    header_hash = bytes.fromhex(template["header_hash"].removeprefix("0x"))
    target = bytes.fromhex(template["target"].removeprefix("0x"))
    # Begins somewhere: several miners for one address should not try the same nonces.
    nonce = int.from_bytes(os.urandom(8), "little")
    begun = hashlib.sha256(header_hash)  # its state is reused for each nonce
    while True:
        for _ in range(CHUNK):
            first = begun.copy()
            first.update(nonce.to_bytes(8, "little"))
            # Bytes of equal length compare as the big-endian numbers that they are.
            if hashlib.sha256(first.digest()).digest() <= target:
                return nonce
            nonce = (nonce + 1) % 2**64
        if not still_good():
            return None


def mine_one(api, query):
    """Mines until a block of ours is the head; its height, or None if another was first."""
    template, problem = call(f"{api}/mining/template{query}")
    if problem == "busy":
        time.sleep(RETRY)
        return None
    if problem:
        sys.exit(1)
    begun = time.monotonic()

    def still_good():
        head, problem = call(f"{api}/chain/head")
        return not problem and head["id"] == template["parent_id"] and time.monotonic() - begun < MAX_AGE

    nonce = search(template, still_good)
    if nonce is None:
        return None
    block, problem = call(f"{api}/mining/submit", {"template": template["template"], "nonce": hex(nonce)})
    if problem:
        return None  # late or stale: the next template is on the new head
    print(f"block {block['height']} is {block['block_id']}", flush=True)
    return block["height"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("api", nargs="?", default="http://127.0.0.1:8080", metavar="API")
    parser.add_argument("--reward", metavar="ADDRESS", help="who receives reward and fees")
    parser.add_argument("--blocks", type=int, metavar="N", help="stop after so many blocks")
    arguments = parser.parse_args()
    query = f"?reward={arguments.reward}" if arguments.reward else ""
    mined = 0
    while arguments.blocks is None or mined < arguments.blocks:
        if mine_one(arguments.api, query) is not None:
            mined += 1


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
