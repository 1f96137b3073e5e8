#!/usr/bin/env python3
"""check_buckets.py FOLDER: holds the buckets that the case files of a folder name ("salt:unit": bucket) against an
implementation of their own, and shows what another language needs to get them right. Exit code 1 when one differs."""
import json
import pathlib
import struct
import sys

MASK = 0xFFFFFFFF


def rotate(x, by):
    return (x << by | x >> 32 - by) & MASK


def murmur3_x86_32(data, seed=0):
    def scramble(k):
        return rotate(k * 0xCC9E2D51 & MASK, 15) * 0x1B873593 & MASK

    h, whole = seed, len(data) // 4 * 4
    for (block,) in struct.iter_unpack("<I", data[:whole]):
        h = (rotate(h ^ scramble(block), 13) * 5 + 0xE6546B64) & MASK
    h ^= scramble(int.from_bytes(data[whole:], "little"))
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & MASK
    h = (h ^ h >> 13) * 0xC2B2AE35 & MASK
    return h ^ h >> 16


def main(folder):
    assert murmur3_x86_32(b"") == 0
    assert murmur3_x86_32(b"hello") == 0x248BFA47
    assert murmur3_x86_32(b"hello, world") == 0x149BBB7F
    checked = wrong = 0
    for file in sorted(pathlib.Path(folder).glob("*.json")):
        for case in json.loads(file.read_text(encoding="utf-8"))["cases"]:
            for text, bucket in case.get("buckets", {}).items():
                own = murmur3_x86_32(text.encode()) * 100_000 >> 32
                checked += 1
                if own != bucket:
                    wrong += 1
                    print(f'{file.name}: {case["set"]}: {case["name"]}: the bucket of {text!r} is {own}, not {bucket}')
    print(f"{checked} buckets, {wrong} wrong")
    return 1 if wrong or checked < 100 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
