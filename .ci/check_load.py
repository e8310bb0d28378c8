"""Checks the summary of a load run for what a noisy machine cannot excuse; prints the rest.

usage: check_load.py SUMMARY.json
"""

import json
import sys


def faults(summary: dict) -> list[str]:
    """What is wrong with the run, as sentences."""
    counts = summary["counts"]
    found = [
        f"{name} is {counts[name]}, not 0"
        for name in ("lost", "duplicate", "reordered", "impossible", "connect_failed")
        if counts[name] != 0
    ]
    if not summary["complete"]:
        found.append("the run was not completed")
    if counts["expected"] == 0:
        found.append("nothing was expected to be delivered")
    if counts["delivered"] != counts["expected"]:
        found.append(f"delivered {counts['delivered']} of {counts['expected']}")
    samples = summary["latency"]["delivery"]["from_due"]["count"]
    if samples + counts["impossible"] != counts["delivered"]:
        found.append(f"{samples} latency samples for {counts['delivered']} deliveries")
    return found


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        summary = json.load(file)
    print("counts:", json.dumps(summary["counts"]))
    for reading, percentiles in summary["latency"]["delivery"].items():
        values = ", ".join(f"{name} {value:,.0f}" for name, value in percentiles.items())
        print(f"latency {reading} in microseconds (not checked): {values}")
    for warning in summary["warnings"]:
        print("warning:", warning)
    found = faults(summary)
    for fault in found:
        print("fault:", fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
