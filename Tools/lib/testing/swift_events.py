"""Reads the stream of events that Swift Testing writes: its closing line counts skipped tests as passed."""

import json

from .report import Outcome


def read_outcome(path):
    """Counts test functions in a stream.

    Returns an outcome, what was said of each failure, and whether there is one that the tests found themselves: a test
    that began and never ended failed, too.
    """
    functions, ended, skipped, failures, run_ended = {}, set(), set(), {}, False
    for record in _records(path):
        payload = record["payload"]
        if record["kind"] == "test":
            if payload["kind"] == "function":
                functions[payload["id"]] = payload["name"]
            continue
        kind, test = payload["kind"], payload.get("testID")
        if kind == "testEnded":
            ended.add(test)
        elif kind == "testSkipped":
            skipped.add(test)
        elif kind == "runEnded":
            run_ended = True
        elif kind == "issueRecorded" and not payload.get("issue", {}).get("isKnown"):
            failures.setdefault(test, []).append("\n".join(message["text"] for message in payload["messages"]))
    outcome = Outcome()
    texts = []
    for test, name in functions.items():
        if test in skipped:
            outcome.skipped += 1
        elif test in ended and test not in failures:
            outcome.passed += 1
        elif test in ended or run_ended is False:
            outcome.failed += 1
            texts += failures.get(test, [f"{name} did not end"])
    # Issues of no test, or of a suite.
    for test in failures.keys() - functions.keys():
        outcome.failed += 1
        texts += failures[test]
    if not run_ended and not outcome.failed:
        outcome.breakdown = "the run of its tests did not come to its end"
    return outcome, texts, bool(failures)


def _records(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    # The last one of a process that was killed.
                    return
    except FileNotFoundError:
        return
