"""Random small buildings, and what happens in them: seeded, and dense in what
may go wrong (edges of windows, changes of the clock, ties, several failures)."""
import random
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

ZONES = ["Europe/Berlin", "Europe/London", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu",
         "America/New_York", "Australia/Sydney", "UTC"]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
CENTRES = {"Europe/Berlin": datetime(2025, 3, 30, 1, tzinfo=timezone.utc), "Europe/London": datetime(2025, 10, 26, 1, tzinfo=timezone.utc),
           "Australia/Lord_Howe": datetime(2025, 4, 5, 15, tzinfo=timezone.utc), "America/New_York": datetime(2025, 11, 2, 6, tzinfo=timezone.utc),
           "Australia/Sydney": datetime(2025, 10, 4, 16, tzinfo=timezone.utc)}
OTHER_CENTRES = [datetime(2024, 2, 29, 12, tzinfo=timezone.utc), datetime(2024, 12, 31, 22, tzinfo=timezone.utc),
                 datetime(2025, 6, 4, 9, tzinfo=timezone.utc)]
CLOCKS = ["00:00", "00:01", "01:30", "02:00", "02:30", "03:00", "06:00", "08:00", "09:30", "12:00", "12:01", "17:59", "18:00", "22:00", "23:59"]


class Builder:
    def __init__(self, seed):
        self.r = random.Random(seed)
        r = self.r
        self.tz = r.choice(ZONES)
        self.centre = CENTRES.get(self.tz) if self.tz in CENTRES and r.random() < 0.6 else r.choice(OTHER_CENTRES)
        self.doors = ["d%d" % i for i in range(r.randint(1, 4))]
        self.readers = ["r%d" % i for i in range(len(self.doors) + r.randint(0, 2))]
        self.people = ["p%d" % i for i in range(r.randint(2, 6))]
        self.groups = ["g%d" % i for i in range(3)]
        self.schedules = ["s%d" % i for i in range(4)]
        self.door_groups = ["dg0", "dg1"]
        self.areas = ["a0", "a1"][:r.randint(0, 2)]
        self.values = []
        self.rows = []

    def maybe(self, p):
        return self.r.random() < p

    def some(self, things, most=2):
        return self.r.sample(things, min(len(things), self.r.randint(0, most)))

    def text(self, t):
        offset = self.r.choice([0, 0, 60, -210, 345])
        return t.astimezone(timezone(timedelta(minutes=offset))).isoformat(timespec="seconds")

    def near(self):
        """An instant near what matters."""
        return self.centre + timedelta(seconds=self.r.choice([-86400, -3600, -60, 0, 60, 900, 3600, 7200, 86400, 172800]) + self.r.choice([-1, 0, 0, 1]))

    def dates(self, d, p=0.25):
        if self.maybe(p):
            d["valid_from"] = self.text(self.near())
        if self.maybe(p):
            d["valid_until"] = self.text(self.near() + timedelta(days=self.r.choice([0, 0, 1, 20])))
        return d

    def where(self, wide=0.35):
        w = {}
        if self.maybe(wide):
            w["all"] = True
        if self.maybe(0.6):
            w["doors"] = self.some(self.doors)
        if self.maybe(0.3):
            w["door_groups"] = self.some(self.door_groups)
        return w

    def floors(self):
        return self.r.sample([1, 2, 3, -1, 12, "G", "roof", "3"], self.r.randint(0, 3))

    def types(self):
        return [{"type": t, **({"statuses": s} if s is not None else {})} for t, s in
                [(self.r.choice(["Member", "Staff"]), self.r.choice([None, [], ["Active"], ["Active", "Frozen"]])) for _ in range(self.r.randint(0, 2))]]

    # --- rows ---------------------------------------------------------------------------
    def row_site(self):
        d = {"tz": self.tz}
        for k, v in (("antipassback_commit", ["granted", "taken"]), ("admin_in_lockdown", [True, False]), ("read_max_age_s", [5, 2]),
                     ("factor_timeout_s", [10, 3, 30]), ("duress", ["off", "last_digit_plus_one", "last_digit_plus_one"])):
            if self.maybe(0.4):
                d[k] = self.r.choice(v)
        if self.maybe(0.5):
            d["pin_lockout"] = {"failures": self.r.randint(1, 3), "window_s": self.r.choice([10, 60]), "lock_s": self.r.choice([5, 60])}
        if self.maybe(0.3):
            d["max_policy_age_s"] = {"personal": self.r.choice([None, 100]), "visitor": self.r.choice([None, 50])}
        return {"k": "site", "id": "site", "d": d}

    def row_door(self, id):
        d = {}
        if self.maybe(0.3):
            d["tz"] = self.r.choice(ZONES)
        if self.maybe(0.3):
            d["release_s"] = self.r.randint(1, 30)
        if self.maybe(0.3):
            d["extended_release_s"] = self.r.randint(1, 120)
        if self.maybe(0.02):
            d["licensed"] = False
        if self.maybe(0.05):
            d["license_until"] = self.text(self.near())
        if self.maybe(0.08):
            d["maintenance"] = self.r.choice(["normal", "force_open", "force_closed"])
        if self.maybe(0.45):
            d["factors"] = self.r.choice(["single", "card_and_pin", "card_and_pin", "two_person"])
            if self.maybe(0.4):
                d["factor_schedule"] = self.r.choice(self.schedules + ["gone"])
        if self.maybe(0.3):
            d["relock"] = self.r.choice(["on_close", "on_open", "timer"])
        if self.maybe(0.2):
            d["fire"] = "ignore"
        return {"k": "door", "id": id, "d": d}

    def row_reader(self, id):
        d = {"door": self.r.choice(self.doors) if self.maybe(0.97) else "nowhere"}
        if self.maybe(0.06):
            d["accepts"] = self.some(["card", "pin", "qr", "mobile", "uhf"], 4)
        return {"k": "reader", "id": id, "d": d}

    def row_group(self, id):
        d = {"antipassback_exempt": self.maybe(0.2)}
        if self.maybe(0.3):
            d["floors"] = self.floors()
        if self.maybe(0.05):
            d["crit"] = ["novelty"]
        return {"k": "group", "id": id, "d": d}

    def row_person(self, id):
        d = self.dates({}, 0.05)
        for flag, p in (("lockdown_bypass", 0.3), ("first_credential", 0.4), ("extended_release", 0.2), ("antipassback_exempt", 0.1)):
            if self.maybe(p):
                d[flag] = True
        if self.maybe(0.05):
            d["enabled"] = False
        if self.maybe(0.5):
            d["type"] = self.r.choice(["Member", "Staff"])
            if self.maybe(0.7):
                d["status"] = self.r.choice(["Active", "Frozen"])
        if self.maybe(0.4):
            d["tags"] = self.some(["vip", "crew"])
        d["groups"] = [g if self.maybe(0.6) else self.dates({"id": g}, 0.5) for g in self.some(self.groups + ["gone"])]
        if self.maybe(0.2):
            d["floors"] = self.floors()
        if self.maybe(0.02):
            d["crit"] = ["novelty"]
        return {"k": "person", "id": id, "d": d}

    def row_credential(self, id, type, value):
        d = self.dates({"type": type, "value": value, "person": self.r.choice(self.people) if self.maybe(0.97) else None}, 0.04)
        if self.maybe(0.05):
            d["enabled"] = False
            d["disabled_reason"] = self.r.choice(["lost", "stolen", "expired"])
        if self.maybe(0.12):
            d["uses_per_door"] = self.r.randint(0, 3)
        if self.maybe(0.12):
            d["uses_total"] = self.r.randint(0, 4)
        if self.maybe(0.2):
            d["class"] = self.r.choice(["personal", "visitor", "delivery", "admin"])
        if type == "card" and self.maybe(0.3):
            d["bits"] = self.r.choice([26, 34])
        return {"k": "credential", "id": id, "d": d}

    def row_schedule(self, id):
        windows = []
        for _ in range(self.r.choice([0, 1, 1, 2, 3])):
            a, b = self.r.choice(CLOCKS), self.r.choice(CLOCKS + ["24:00"])
            if a != b:
                windows.append({"days": self.r.sample(DAYS, self.r.choice([1, 3, 7, 7])), "start": a, "end": b})
        return {"k": "schedule", "id": id, "d": {"windows": windows}}

    def row_holiday(self, id):
        day = (self.centre + timedelta(days=self.r.randint(-2, 2))).date()
        yearly = self.maybe(0.4)
        if yearly:
            day = day.replace(year=day.year - self.r.randint(0, 2)) if not (day.month == 2 and day.day == 29) else day
        d = {"from": day.isoformat(), "yearly": yearly}
        if self.maybe(0.5):
            d["to"] = (day + timedelta(days=self.r.randint(0, 3))).isoformat()
        if self.maybe(0.3):
            d["calendar"] = self.r.choice(["default", "other"])
        if self.maybe(0.5):
            d["working"] = [{"start": "09:30", "end": "12:00"}] + ([{"start": "02:00", "end": "03:00"}] if self.maybe(0.4) else [])
        return {"k": "holiday", "id": id, "d": d}

    def row_entitlement(self, id):
        d = self.dates({"kind": self.r.choice(["role", "access_group", "grant", "reservation", "temp_key", "delivery"])}, 0.2)
        if self.maybe(0.5):
            d["schedule"] = self.r.choice(self.schedules + ["gone"])
        if self.maybe(0.4):
            d["holiday"] = self.r.choice(["ignore", "intersect", "replace"])
            if self.maybe(0.3):
                d["calendar"] = "other"
        who = {}
        if self.maybe(0.45):
            who["everyone"] = True
        if self.maybe(0.4):
            who["persons"] = self.some(self.people)
        if self.maybe(0.4):
            who["groups"] = self.some(self.groups + ["gone"])
        if self.maybe(0.2):
            who["credentials"] = self.some(["c%d" % i for i in range(6)])
        if self.maybe(0.2):
            who["tags"] = self.some(["vip", "crew"])
        if self.maybe(0.2):
            who["types"] = self.types()
        d["who"], d["where"] = who, self.where(0.6)
        if self.maybe(0.08):
            d["enabled"] = False
        if self.maybe(0.2):
            d["floors"] = self.floors()
        if self.maybe(0.03):
            d["crit"] = ["novelty"]
        return {"k": "entitlement", "id": id, "d": d}

    def level(self, d):
        d["level"] = self.r.choice(["site", "door_group", "door", "door"])
        if d["level"] == "door":
            d["target"] = self.r.choice(self.doors)
        if d["level"] == "door_group":
            d["target"] = self.r.choice(self.door_groups + ["gone"])
        if self.maybe(0.5):
            d["priority"] = self.r.choice([1, 100, 200])
        return d

    def row_access_rules(self, id):
        d = self.level({"types": self.types(), "tags": self.some(["vip", "crew"])})
        if self.maybe(0.4):
            d["hours"] = self.r.choice(self.schedules + ["gone"])
        if self.maybe(0.12):
            d["block"] = self.maybe(0.5)
        if self.maybe(0.04):
            d["crit"] = ["novelty"]
        return {"k": "access_rules", "id": id, "d": d}

    def row_geofence(self, id):
        d = self.level({})
        if self.maybe(0.15):
            d["enabled"] = False
        if self.maybe(0.9):
            d["lat"], d["lon"] = 52.5, 13.4
        if self.maybe(0.4):
            d["radius_m"] = self.r.choice([50, 200, 1000])
        if self.maybe(0.3):
            d["buffer_m"] = self.r.choice([0, 25, 100])
        if self.maybe(0.3):
            d["max_accuracy_m"] = self.r.choice([10, 65])
        return {"k": "geofence", "id": id, "d": d}

    def row_door_mode(self, id):
        d = self.dates({"where": self.where(), "tier": self.r.choice(["quick", "one_time", "routine", "routine"]),
                        "mode": self.r.choice(["unlocked", "first_credential", "first_credential", "unlocked", "first_credential", "locked", "locked_down"])}, 0.2)
        if self.maybe(0.6):
            d["schedule"] = self.r.choice(self.schedules + ["gone"])
        if self.maybe(0.6):
            d["allow_manual_end"] = True
        if self.maybe(0.5):
            d["at"] = self.text(self.near())
        return {"k": "door_mode", "id": id, "d": d}

    def row_lockdown(self, id):
        return {"k": "lockdown", "id": id, "d": {"where": self.where()}}

    def row_area(self, id):
        d = {"entry": self.some(self.readers), "exit": self.some(self.readers)}
        for k, v in (("antipassback", ["off", "log", "deny", "deny"]), ("timeout_s", [0, 60, 600]), ("schedule", self.schedules + ["gone"]),
                     ("reset_daily", ["00:00", "02:30", "12:00", None]), ("max_occupancy", [0, 1, 2, None]), ("exit_without_entry", ["allow", "violation"])):
            if self.maybe(0.5):
                d[k] = self.r.choice(v)
        return {"k": "area", "id": id, "d": d}

    def row_interlock(self, id):
        return {"k": "interlock", "id": id, "d": {"doors": self.some(self.doors, 3)}}

    def build(self):
        rows = [self.row_site()]
        rows += [self.row_door(d) for d in self.doors] + [self.row_reader(x) for x in self.readers]
        rows += [{"k": "door_group", "id": g, "d": {"doors": self.some(self.doors, 3)}} for g in self.door_groups]
        rows += [self.row_group(g) for g in self.groups] + [self.row_person(p) for p in self.people]
        values = [("card", "A%d" % i) for i in range(4)] + [("pin", "100%d" % i) for i in range(3)] + [("pin", "0009"), ("qr", "Key-1"), ("mobile", "phone-1"),
                 ("mobile", "phone-2"), ("plate", "B XY 1"), ("uhf", "00E2"), ("face", "f1"), ("fingerprint", "t1")]
        self.values = self.r.sample(values, self.r.randint(5, len(values)))
        rows += [self.row_credential("c%d" % i, t, v) for i, (t, v) in enumerate(self.values)]
        rows += [self.row_schedule(s) for s in self.schedules]
        rows += [self.row_holiday("h%d" % i) for i in range(self.r.randint(0, 3))]
        rows += [self.row_entitlement("e%d" % i) for i in range(self.r.randint(1, 5))]
        rows += [self.row_access_rules("x%d" % i) for i in range(self.r.choice([0, 0, 1, 2, 4]))]
        rows += [self.row_geofence("f%d" % i) for i in range(self.r.choice([0, 1, 2]))]
        rows += [self.row_door_mode("m%d" % i) for i in range(self.r.choice([0, 0, 1, 2, 3]))]
        rows += [self.row_area(a) for a in self.areas]
        rows += [self.row_interlock("i0")] if self.maybe(0.3) else []
        if self.maybe(0.05):
            rows.append(self.row_lockdown("l0"))
        self.rows = list(rows)
        return rows

    # --- steps ----------------------------------------------------------------------------
    def variant(self, type, value):
        if type in ("card", "uhf"):
            return self.r.choice([value, value.lower(), "00" + value, value[0] + "-" + value[1:], " " + value])
        if type == "plate":
            return self.r.choice([value, value.lower(), value.replace(" ", "")])
        return value

    def read(self):
        s = {"reader": self.r.choice(self.readers) if self.maybe(0.97) else "r99"}
        roll = self.r.random()
        if roll < 0.8:
            s["type"], s["value"] = self.r.choice(self.values)
            s["value"] = self.variant(s["type"], s["value"])
        elif roll < 0.9:
            s["type"], s["value"] = "pin", self.r.choice(["1000", "1001", "1002", "1003", "1004", "0000", "0009", "9999"])
        else:
            s["type"], s["value"] = self.r.choice([("card", "FFFF"), ("qr", "nobody"), ("pin", "1"), ("card", "XYZ"), ("pin", "4711")])
        if self.maybe(0.15) and s["type"] != "pin":
            s["pin"] = self.r.choice(["1000", "1001", "1002", "1003", "0009", "0000", "77"])
        if self.maybe(0.1):
            s["bits"] = self.r.choice([26, 34])
        if s["type"] == "mobile" and self.maybe(0.8):
            s["location"] = {"lat": 52.5 + self.r.choice([0, 0.0005, 0.0019, 0.003, 0.1]), "lon": 13.4, "accuracy_m": self.r.choice([0, 5, 30, 66, 101])}
        if self.maybe(0.08):
            s["age_s"] = self.r.choice([0, 2, 3, 5, 6, 3600])
        if self.maybe(0.02):
            s["retained"] = True
        if self.maybe(0.15):
            s["id"] = "id%d" % self.r.randint(0, 6)
        return s

    def command(self, now):
        action = self.r.choice(["release", "release", "hold_open", "lock", "restore", "lockdown", "lockdown_release", "lockdown_release", "forgive_antipassback", "present"])
        s = {"do": "command", "action": action}
        if self.maybe(0.75) and action not in ("forgive_antipassback", "present"):
            s["door"] = self.r.choice(self.doors + (["gone"] if self.maybe(0.1) else []))
        if action in ("hold_open", "lock") and self.maybe(0.5):
            s["args"] = {"until": self.text(now + timedelta(seconds=self.r.choice([-1, 0, 1, 30, 600, 7200])))}
        if action == "forgive_antipassback":
            if self.maybe(0.5):
                s["person"] = self.r.choice(self.people)
            if self.areas and self.maybe(0.4):
                s["area"] = self.r.choice(self.areas)
        if action == "present":
            read = self.read()
            while "id" in read or read["value"] in ("1", "XYZ") or read.get("pin") == "77":
                read = self.read()
            s["args"] = {k: v for k, v in read.items() if k in ("reader", "type", "value", "location", "bits", "pin")}
        if self.maybe(0.3):
            s["not_after"] = self.text(now + timedelta(seconds=self.r.choice([-5, 0, 1, 60])))
        if self.maybe(0.4):
            s["id"] = "k%d" % self.r.randint(0, 5)
        return s

    def put(self):
        kind = self.r.choice(["door", "person", "credential", "schedule", "holiday", "entitlement", "access_rules", "geofence", "door_mode",
                              "door_mode", "lockdown", "area", "interlock", "site", "group"])
        if self.maybe(0.3) or (kind == "lockdown" and self.maybe(0.5)):
            old = [r for r in self.rows if r["k"] == kind and kind not in ("site", "door")] or [{"k": "lockdown", "id": "l0"}]
            row = self.r.choice(old)
            return {"do": "del", "row": {"k": row["k"], "id": row["id"]}}
        if kind == "site":
            row = self.row_site()
        elif kind == "door":
            row = self.row_door(self.r.choice(self.doors))
        elif kind == "credential":
            i = self.r.randrange(len(self.values))
            row = self.row_credential("c%d" % i, *self.values[i])
        else:
            ids = {"person": self.people, "schedule": self.schedules, "holiday": ["h0", "h1"], "entitlement": ["e0", "e1", "e9"], "access_rules": ["x0", "x9"],
                   "geofence": ["f0"], "door_mode": ["m0", "m1", "m9"], "lockdown": ["l0"], "area": self.areas or ["a0"], "interlock": ["i0"], "group": self.groups}
            row = getattr(self, "row_" + kind)(self.r.choice(ids[kind]))
        self.rows.append(row)
        return {"do": "put", "row": row}

    def steps(self, n):
        """n steps; about three in four are reads."""
        now = self.centre + timedelta(seconds=self.r.choice([-7200, -3600, -60, 0]))
        out = []
        for _ in range(n):
            now += timedelta(seconds=self.r.choice([0, 0, 1, 1, 2, 3, 5, 9, 10, 11, 59, 60, 61, 600, 601, 1800, 3600, 5400] + [40000] * self.maybe(0.1)))
            if self.maybe(0.2):  # to the edge of a minute that matters
                edge = now.astimezone(ZoneInfo(self.tz))
                h, m = map(int, self.r.choice(CLOCKS).split(":"))
                at = edge.replace(hour=h, minute=m, second=0).astimezone(timezone.utc) + timedelta(seconds=self.r.choice([-1, 0, 1]))
                now = max(now, at)
            roll = self.r.random()
            if roll < 0.74:
                s = self.read()
            elif roll < 0.80:
                s = self.put()
            elif roll < 0.84:
                s = {"do": "set", self.r.choice(["clock"]): self.r.choice(["synced", "synced", "holdover", "unset"])} if self.maybe(0.5) else \
                    {"do": "set", "policy_age_s": self.r.choice([0, 50, 51, 100, 101, 90000])} if self.maybe(0.5) else \
                    {"do": "set", "controller": {"door": self.r.choice(self.doors), "online": self.maybe(0.7)}}
            elif roll < 0.88:
                s = {"do": "input", "door": self.r.choice(self.doors), "contact": self.r.choice(["open", "closed"])} if self.maybe(0.7) else \
                    {"do": "input", "fire": self.maybe(0.4)}
            elif roll < 0.94:
                s = self.command(now)
            elif roll < 0.98:
                s = {"do": "look", "door": self.r.choice(self.doors)}
            else:
                s = {"do": "events"}
            out.append({"at": self.text(now), **s})
        return out


def world(seed, steps):
    b = Builder(seed)
    rows = b.build()
    return rows, b.steps(steps)
