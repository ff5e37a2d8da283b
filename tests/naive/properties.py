#!/usr/bin/env python3
"""What must hold of the decision whatever the building is like, shown by playing
a random world and a variation of it in gatehousectl rehearse."""
import argparse
import json
import os
import random
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime

from compare import rehearse
from worlds import Builder

LETS_IN = ("granted",)


def last(ctl, rows, steps):
    return rehearse(ctl, rows, steps)[0][-1]


def probe(b):
    s = b.read()
    s.pop("id", None)
    s.pop("retained", None)
    return s


def outcome_with(ctl, b, rows, steps, extra):
    """Of one read after a history: as it is, and with rows put just before it."""
    at = steps[-1]["at"]
    read = {"at": at, **probe(b)}
    puts = [{"at": at, "do": "put", "row": row} for row in extra]
    return last(ctl, rows, steps + [read]), last(ctl, rows, steps + puts + [read]), read


def more_rights(ctl, b, rows, steps):
    """An entitlement more never turns a grant into a denial."""
    row = b.row_entitlement("zz-new")
    before, after, read = outcome_with(ctl, b, rows, steps, [row])
    if before["decision"] in LETS_IN and after["decision"] not in LETS_IN:
        return {"added": row, "read": read, "before": before, "after": after}


def fewer_rights(ctl, b, rows, steps):
    """A lockdown, a block or a disabling more never turns a denial into a grant."""
    kind = b.r.choice(["lockdown", "block", "person", "credential", "entitlement"])
    now = {}
    for r in rows + [s["row"] for s in steps if s.get("do") == "put"]:
        now[(r["k"], r["id"])] = r
    for s in steps:
        if s.get("do") == "del":
            now.pop((s["row"]["k"], s["row"]["id"]), None)
    if kind == "lockdown":
        row = {"k": "lockdown", "id": "zz-new", "d": {"where": {"all": True}}}
    elif kind == "block":
        row = {"k": "access_rules", "id": "00-new", "d": {"level": "door", "target": b.r.choice(b.doors), "priority": 0, "block": True}}
    else:
        some = [r for (k, _), r in now.items() if k == kind]
        if not some:
            return None
        old = b.r.choice(some)
        row = {"k": kind, "id": old["id"], "d": dict(old["d"], enabled=False)}
    before, after, read = outcome_with(ctl, b, rows, steps, [row])
    # A door that stands open is left open by fewer rights: nobody is let in by them.
    if before["decision"] not in LETS_IN and after["decision"] in LETS_IN:
        return {"added": row, "read": read, "before": before, "after": after}


def same(a, b):
    """The index of the first that differ; alarms apart: a restart looks at open doors anew."""
    for i, (x, y) in enumerate(zip(a, b)):
        if dict(x, alarm=None) != dict(y, alarm=None):
            return i
    return None if len(a) == len(b) else min(len(a), len(b))


def order(ctl, b, rows, steps):
    """The order of rows and rows that nothing refers to do not matter."""
    other = rows + [{"k": "person", "id": "zz-stranger", "d": {}}, {"k": "group", "id": "00-empty", "d": {}},
                    {"k": "door_group", "id": "00-none", "d": {"doors": []}}, {"k": "schedule", "id": "zz-unused", "d": {"windows": []}},
                    {"k": "credential", "id": "00-other", "d": {"type": "qr", "value": "somebody else's", "person": "zz-stranger"}},
                    {"k": "entitlement", "id": "00-nobody", "d": {"kind": "role", "who": {}, "where": {"all": True}}},
                    {"k": "area", "id": "00-nowhere", "d": {"antipassback": "deny"}}]
    b.r.shuffle(other)
    steps = [s for s in steps if s.get("do") != "events"]
    x, y = rehearse(ctl, rows, steps)[0], rehearse(ctl, other, steps)[0]
    i = same(x, y)
    if i is not None:
        return {"step": steps[i], "before": x[i:i + 1], "after": y[i:i + 1]}


def denials(ctl, b, rows, steps):
    """A denied read leaves no trace but in the PIN lockout and in factors that wait."""
    steps = [s for s in steps if s.get("do") != "events"]
    out = rehearse(ctl, rows, steps)[0]
    alone = [i for i, o in enumerate(out) if o.get("decision") == "denied" and "do" not in steps[i] and steps[i].get("type") != "pin"
             and "pin" not in steps[i] and "id" not in steps[i]]
    if not alone:
        return None
    without = set(b.r.sample(alone, min(len(alone), 10)))
    kept = [i for i in range(len(steps)) if i not in without]
    again = rehearse(ctl, rows, [steps[i] for i in kept])[0]
    i = same([out[k] for k in kept], again)
    if i is not None:
        return {"step": steps[kept[i]], "before": out[kept[i]], "after": again[i:i + 1], "removed": [steps[k] for k in sorted(without)]}


def restarts(ctl, b, rows, steps):
    """A restart between any two reads changes nothing that is decided after it.
    It ends a running release, and who is awaited at a door is awaited no more: so only
    where everything has come to rest, and in sites that count passes when granted."""
    rows = [dict(r, d={k: v for k, v in r["d"].items() if k != "antipassback_commit"}) if r["k"] == "site" else r for r in rows]
    steps = [s for s in steps if s.get("do") not in ("events",) and not (s.get("do") == "put" and s["row"]["k"] == "site")]
    more, kept, before = [], [], None
    for s in steps:
        at = datetime.fromisoformat(s["at"]).timestamp()
        if before is not None and at - before >= 150:
            more.append({"at": s["at"], "do": "restart"})
        kept.append(len(more))
        more.append(s)
        before = at
    x, y = rehearse(ctl, rows, steps)[0], rehearse(ctl, rows, more)[0]
    i = same(x, [y[k] for k in kept if k < len(y)])
    if i is not None:
        return {"step": steps[i], "before": x[i:i + 1], "after": y[kept[i]:kept[i] + 1]}


def quick_restarts(ctl, b, rows, steps):
    """Where a read waits for its factor too: a restart a second after each step."""
    rows = [r for r in rows if r["k"] != "interlock"]
    rows = [dict(r, d={k: v for k, v in r["d"].items() if k != "antipassback_commit"}) if r["k"] == "site" else r for r in rows]
    steps = [s for s in steps if s.get("do") not in ("events", "look") and not (s.get("do") == "put" and s["row"]["k"] in ("site", "interlock"))]
    more = [x for s in steps for x in (s, {"at": s["at"], "do": "restart"})]
    x, y = rehearse(ctl, rows, steps)[0], rehearse(ctl, rows, more)[0][::2]
    i = same(x, y)
    if i is not None:
        return {"step": steps[i], "before": x[i:i + 1], "after": y[i:i + 1]}


PROPERTIES = [more_rights, fewer_rights, order, denials, restarts, quick_restarts]


def play(job):
    ctl, seed, n = job
    found, tried = [], Counter()
    for i, p in enumerate(PROPERTIES):
        b = Builder(seed)
        rows = b.build()
        steps = b.steps(n)
        b.r = random.Random(seed * 31 + i)
        bad = p(ctl, b, rows, steps)
        tried[p.__name__] += 1
        if bad:
            found.append((p, bad, rows, steps))
    return seed, found, tried


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--ctl", default="build/gatehousectl")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--worlds", type=int, default=50)
    args.add_argument("--steps", type=int, default=60)
    args.add_argument("--jobs", type=int, default=os.cpu_count())
    a = args.parse_args()
    tried, bad = Counter(), 0
    with ProcessPoolExecutor(a.jobs) as pool:
        for seed, found, some in pool.map(play, ((a.ctl, a.seed + i, a.steps) for i in range(a.worlds))):
            tried += some
            for p, what, rows, steps in found:
                bad += 1
                if bad > 3:
                    continue
                print("seed %d: %s does not hold: %s" % (seed, p.__name__, p.__doc__.split("\n")[0]))
                for k, v in what.items():
                    print("   %s: %s" % (k, json.dumps(v)))
    for p in PROPERTIES:
        print("%6d worlds: %s" % (tried[p.__name__], p.__doc__.split("\n")[0]))
    print("seeds %d to %d: %d failures" % (a.seed, a.seed + a.worlds - 1, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
