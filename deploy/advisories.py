"""Asks whether a known advisory speaks of a version in constraints.txt (https://osv.dev). Without a network
it says so and is content.

    python deploy/advisories.py

Ends with 1 where there is one that ACCEPTED does not name, with its reason.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request

from lock import PINS, read_pins

SERVICE = "https://api.osv.dev/v1/querybatch"
SECONDS = 20.0
ACCEPTED: dict[str, str] = {}  # advisory: why it does not concern us


def ask_service(pins: dict[str, str], service: str = SERVICE) -> dict[str, list[str]]:
    """The advisories by package. Raises `OSError` where nobody answers, `ValueError` for an answer that is
    none.
    """
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in pins.items()
    ]
    body = json.dumps({"queries": queries}).encode()
    request = urllib.request.Request(service, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        results = json.load(answer)["results"]
    if len(results) != len(pins):
        raise ValueError(f"{len(results)} answers for {len(pins)} packages")
    return {
        name: [found["id"] for found in result.get("vulns") or ()]
        for name, result in zip(pins, results, strict=True)
    }


def main(service: str = SERVICE) -> int:
    """Prints what was found; the exit status."""
    pins = read_pins(PINS.read_text(encoding="utf-8"))
    try:
        advisories = ask_service(pins, service)
    except OSError as error:
        print(f"advisories: NOT CHECKED, {service} does not answer ({error}); run this where a network is")
        return 0
    except (KeyError, TypeError, ValueError) as error:
        print(f"advisories: NOT CHECKED, {service} gave no answer that can be read ({error})")
        return 0
    bad = 0
    for name, found in advisories.items():
        for advisory in found:
            accepted = ACCEPTED.get(advisory)
            print(f"{name} {pins[name]}: {advisory}" + (f", accepted: {accepted}" if accepted else ""))
            bad += not accepted
    print(f"advisories: {len(pins)} packages checked, {bad} open")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
