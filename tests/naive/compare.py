#!/usr/bin/env python3
"""Plays random worlds in gatehousectl rehearse and in the naive evaluation, and
compares what both say, line by line."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from naive import World
from worlds import world

FIELDS = ["decision", "reason", "via", "violation", "duress", "release_s", "floors", "door", "mode", "ok", "result", "onvif", "relay", "contact"]
EVENTS = ("access", "command", "door_mode", "duress", "lost_credential", "fire")
# Reasons that no world of ours can bring about.
BEYOND = {"policy_unavailable", "door_unknown"}
REASONS = set("""granted already_unlocked hold_open_ended read_malformed reader_unknown read_stale credential_type_not_accepted
pin_locked_out credential_unknown credential_unassigned person_disabled credential_disabled person_not_yet_valid person_expired
credential_not_yet_valid credential_expired door_unlicensed door_blocked door_forced_closed door_locked_down clock_untrusted holiday
outside_schedule entitlement_not_started entitlement_expired no_permission policy_stale pin_required pin_wrong card_required
geofence_misconfigured location_unavailable location_imprecise outside_geofence occupancy_full antipassback uses_exhausted interlock
controller_offline second_person_required""".split())


def rehearse(ctl, rows, steps):
    with tempfile.TemporaryDirectory() as folder:
        policy = os.path.join(folder, "policy.ndjson")
        with open(policy, "w") as f:
            f.writelines(json.dumps(r) + "\n" for r in rows)
        run = subprocess.run([ctl, "rehearse", "--policy", policy, "-"], input="".join(json.dumps(s) + "\n" for s in steps),
                             capture_output=True, text=True, env=dict(os.environ, TMPDIR=folder))
    return [json.loads(line) for line in run.stdout.splitlines()], run.stderr


def differs(ours, theirs):
    """The first field in which they do, or None."""
    if "error" in theirs:
        return "error"
    if ours.get("repeated"):  # from memory: what was decided counts
        return next((f for f in ("decision", "reason") if ours[f] != theirs.get(f)), None)
    if "events" in ours:
        a = [list(e) for e in ours["events"] if e[0] in EVENTS]
        b = [[e["kind"], e.get("door"), e.get("reason")] for e in theirs["events"] if e["kind"] in EVENTS]
        return None if a == b else "events %s | %s" % (a, b)
    for f in FIELDS:
        if f in ours and ours[f] != theirs.get(f):
            return f
    return None


def first_difference(ctl, rows, steps, reasons=None):
    """(index of the step, field, ours, theirs), or None."""
    theirs, errors = rehearse(ctl, rows, steps)
    naive = World(rows)
    for i, s in enumerate(steps):
        ours = naive.apply(s)
        if i >= len(theirs):
            return i, "no answer: " + errors[:300], ours, {}
        field = differs(ours, theirs[i])
        if field:
            return i, field, ours, theirs[i]
        if reasons is not None and "reason" in theirs[i]:
            reasons[theirs[i]["reason"]] += 1
    return None


def smaller(ctl, rows, steps):
    """Fewer rows and steps that still differ."""
    i, wanted, _, _ = first_difference(ctl, rows, steps)
    steps = steps[:i + 1]
    end = time.monotonic() + 30
    for things, rebuild in ((steps, lambda x: (rows, x)), (rows, lambda x: (x, steps))):
        size = max(1, len(things) // 2)
        while size >= 1:
            at = 0
            while at < len(things) and time.monotonic() < end:
                fewer = things[:at] + things[at + size:]
                try:
                    still = fewer and first_difference(ctl, *rebuild(fewer))
                except Exception:  # the naive one needs a site, for one
                    still = None
                if still and still[1].split()[0] == wanted.split()[0]:
                    things[:] = fewer
                else:
                    at += size
            size //= 2
    return rows, steps


def play(job):
    ctl, seed, n = job
    reasons = Counter()
    rows, steps = world(seed, n)
    found = first_difference(ctl, rows, steps, reasons)
    return seed, found, reasons, sum(1 for s in steps if "do" not in s)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--ctl", default="build/gatehousectl")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--decisions", type=int, default=20000)
    args.add_argument("--steps", type=int, default=150)
    args.add_argument("--jobs", type=int, default=os.cpu_count())
    a = args.parse_args()
    worlds = max(1, a.decisions * 11 // (8 * a.steps))
    reasons, decisions, bad = Counter(), 0, 0
    with ProcessPoolExecutor(a.jobs) as pool:
        for seed, found, some, n in pool.map(play, ((a.ctl, a.seed + i, a.steps) for i in range(worlds)), chunksize=4):
            reasons += some
            decisions += n
            if found and not bad:
                bad = seed
                pool.shutdown(wait=False, cancel_futures=True)
                break
    if bad:
        rows, steps = smaller(a.ctl, *world(bad, a.steps))
        i, field, ours, theirs = first_difference(a.ctl, rows, steps)
        print("seed %d: they differ in %s at step %d" % (bad, field, i + 1))
        for r in rows:
            print("   ", json.dumps(r))
        for s in steps:
            print("  >", json.dumps(s))
        print("naive:    ", json.dumps(ours))
        print("rehearse: ", json.dumps(theirs))
        return 1
    for reason, n in reasons.most_common():
        print("%9d %s" % (n, reason))
    missing = REASONS - set(reasons)
    print("seeds %d to %d: %d decisions in %d worlds, 0 differences; never seen: %s" %
          (a.seed, a.seed + worlds - 1, decisions, worlds, " ".join(sorted(missing)) or "none"))
    return 1 if missing and decisions >= 200000 else 0


if __name__ == "__main__":
    sys.exit(main())
