"""The audit log beside what origins saw: each secret that arrived has one record of its use, each use one end."""
import collections
import json


def read_ledger(path):
    """(arrivals by (credential, number): [origin and method], wrong requests, whether it is whole)."""
    arrivals, wrong, whole = collections.defaultdict(list), [], False
    with open(path, encoding="utf-8") as file:
        for line in file:
            first, *rest = line.rstrip("\n").split(" ")
            if first == "wrong":
                wrong.append(line.rstrip("\n"))
            elif first == "end":
                whole = True
            else:
                arrivals[rest[0], rest[1]].append((first, rest[2]))
    return arrivals, wrong, whole


def read_audit(lines):
    """Of one run: (uses by (credential, number): count, ends by seq of the use: count, seqs of uses, all events: count)."""
    uses, ends, seqs, events = collections.Counter(), collections.Counter(), set(), collections.Counter()
    for line in lines:
        record = json.loads(line)
        event = record["event"]
        reason = record.get("reason", "").split(":")[0] if event in ("refused", "use_done") else ""
        events[f"{event} {reason}".strip()] += 1
        if event == "use":
            uses[record["credential"], record["path"].split("/")[2]] += 1
            seqs.add(record["seq"])
        elif event == "use_done":
            ends[record["of"]] += 1
    return uses, ends, seqs, events


def compare(arrivals, uses, ends, seqs):
    """What does not agree, in words."""
    for key, where in arrivals.items():
        if uses[key] != 1:
            yield f"{key[0]} arrived with request {key[1]} ({where}), which has {uses[key]} records of its use"
        # Who closed nothing and refused nothing gave no reason to ask again.
        if len(where) > 1 and where[0][0].startswith("good"):
            yield f"request {key[1]} arrived {len(where)} times ({where})"
    for key in seqs:
        if ends[key] != 1:
            yield f"the use with seq {key} has {ends[key]} ends"
    for key in ends:
        if key not in seqs:
            yield f"seq {key} has an end, and is no use"
