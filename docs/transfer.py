#!/usr/bin/env python3
"""A transfer from a client that knows nothing but the bytes: no SDK, no protobuf library.

    pip install cryptography
    python3 docs/transfer.py <secret key> <sender address> <recipient address> <amount> [API]

The secret key and the address of a funded account are printed by `aureon-node testnet up`. See
docs/protocol.md for what each line does.
"""

import json
import sys
import time
import urllib.error
import urllib.request

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def unhex(text):
    return bytes.fromhex(text.removeprefix("0x"))


# --- protobuf: three shapes are all that a transfer needs ---


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number(field, value):
    return varint(field << 3 | 0) + varint(value)  # zeros are written too


def data(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def fixed64(field, value):
    return varint(field << 3 | 1) + value.to_bytes(8, "little")


# --- the transaction ---


def signed_transfer(secret_key, genesis_id, nonce, recipient, amount, gas_price=1):
    key = Ed25519PrivateKey.from_private_bytes(secret_key)
    public_key = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    payload = (
        fixed64(1, int.from_bytes(genesis_id[:8], "big"))  # network
        + data(2, public_key)
        + number(3, nonce)
        + number(4, 21_000)  # gas_limit
        + number(5, gas_price)
        + data(10, data(1, recipient) + number(2, amount))  # transfer
    )
    signature = key.sign(b"aureon/tx/1" + genesis_id + payload)
    return data(1, payload) + data(2, signature)


# --- the API ---


def call(url, body=None):
    headers = {} if body is None else {"Content-Type": "application/x-protobuf"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(json.load(error)["detail"])  # a problem document: a sentence that helps


def main():
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    secret_key, sender, recipient, amount = sys.argv[1:5]
    api = sys.argv[5] if len(sys.argv) == 6 else "http://127.0.0.1:8080"
    genesis_id = unhex(call(f"{api}/chain/head")["genesis_id"])
    nonce = call(f"{api}/balance/{sender}")["pending"]["next_nonce"]
    signed = signed_transfer(unhex(secret_key), genesis_id, nonce, unhex(recipient), int(amount))
    transaction = call(f"{api}/submit-tx", signed)["id"]
    print("submitted", transaction)
    for _ in range(60):
        view = call(f"{api}/tx/{transaction}")
        if view["status"] == "included":
            print("included in block", view["height"], json.dumps(view["receipt"]))
            return
        time.sleep(0.5)
    sys.exit("not in a block after 30 s: see /status for what the chain waits for")


if __name__ == "__main__":
    main()
