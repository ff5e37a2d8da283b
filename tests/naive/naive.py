"""The access decision once more, straight from its contract: slow, simple, and
without a line in common with the product. What both agree on is likely right.

A World holds policy rows as they came, and the state that decisions keep. It is
given the steps of `gatehousectl rehearse` and answers as that does."""
import json
import math
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
GRANTED = "granted"


def instant(text):
    return None if text is None else int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def minute(text):
    return int(text[:2]) * 60 + int(text[3:])


def local(zone, at):
    """The wall clock: (date, minutes and seconds of the day in seconds)."""
    t = datetime.fromtimestamp(at, timezone.utc).astimezone(ZoneInfo(zone))
    return t.date(), t.hour * 3600 + t.minute * 60 + t.second


def canonical(kind, value):
    """None where there is no such form."""
    if not isinstance(value, str):
        return None
    if kind in ("card", "uhf"):
        v = value.replace(":", "").replace("-", "").replace(" ", "").upper()
        if not v or any(c not in "0123456789ABCDEF" for c in v):
            return None
        v = v.lstrip("0") or "0"
        return v if len(v) <= 16 else None
    if kind == "pin":
        return value if 2 <= len(value) <= 8 and all(c in "0123456789" for c in value) else None
    if kind == "plate":
        value = value.upper().replace(" ", "").replace("-", "")
    return value if 1 <= len(value.encode()) <= 256 else None


def less_one(pin):
    return pin[:-1] + ("9" if pin[-1] == "0" else str(int(pin[-1]) - 1))


def floor_key(f):
    return (0, f, "") if isinstance(f, int) else (1, 0, f)


class World:
    def __init__(self, rows):
        self.rows = {}
        for row in rows:
            self.put(row)
        self.now = 0
        self.clock = "synced"
        self.age = 0
        self.online = {}
        self.fire = False
        self.doors = {}  # what is seen and remembered of each door
        self.passes = {}  # (area, person) -> (side, at)
        self.uses = {}
        self.failures = {}  # reader -> times
        self.locked = {}  # reader -> until
        self.waiting = {}  # reader -> the read that waits
        self.done = {}  # (reader, id) -> (at, output)
        self.commands = {}
        self.events = []

    # --- rows ---------------------------------------------------------------------
    def put(self, row):
        self.lists = {}  # rows of each kind in order, made when they are asked for
        if row.get("op") == "del":
            self.rows.pop((row["k"], row["id"]), None)
        else:
            self.rows[(row["k"], row["id"])] = dict(row["d"], id=row["id"], line=json.dumps(row))

    def of(self, kind):
        if kind not in self.lists:
            self.lists[kind] = [self.rows[k] for k in sorted(self.rows, key=lambda k: k[1].encode()) if k[0] == kind]
        return self.lists[kind]

    def row(self, kind, id):
        return self.rows.get((kind, id))

    def site(self):
        return self.of("site")[0]

    def zone(self, door):
        return (door or {}).get("tz") or self.site()["tz"]

    # --- time -----------------------------------------------------------------------
    def trusted(self):
        return self.clock != "unset"

    def valid(self, row):
        """within, before, after, untrusted"""
        lo, hi = instant(row.get("valid_from")), instant(row.get("valid_until"))
        if lo is None and hi is None:
            return "within"
        if not self.trusted():
            return "untrusted"
        if lo is not None and self.now < lo:
            return "before"
        if hi is not None and self.now >= hi:
            return "after"
        return "within"

    def in_windows(self, schedule, zone, at=None):
        row = self.row("schedule", schedule)
        day, second = local(zone, self.now if at is None else at)
        today, yesterday = DAYS[day.weekday()], DAYS[(day.weekday() + 6) % 7]
        for w in (row or {}).get("windows", []):
            a, b = minute(w["start"]) * 60, minute(w["end"]) * 60
            if a < b:
                if today in w["days"] and a <= second < b:
                    return True
            elif (today in w["days"] and second >= a) or (yesterday in w["days"] and second < b):
                return True
        return False

    def holiday(self, calendar, zone, at=None):
        """None, or whether it is inside working hours."""
        day, second = local(zone, self.now if at is None else at)
        found = None
        for h in self.of("holiday"):
            if (h.get("calendar") or "default") != calendar or not self.covers(h, day):
                continue
            working = any(minute(w["start"]) * 60 <= second < minute(w["end"]) * 60 for w in h.get("working") or [])
            found = bool(found) or working
        return found

    @staticmethod
    def covers(h, day):
        lo = date.fromisoformat(h["from"])
        hi = date.fromisoformat(h.get("to") or h["from"])
        if not h.get("yearly"):
            return lo <= day <= hi
        span = (hi.year - lo.year)
        for year in (day.year - span, day.year):
            if year < lo.year:
                continue
            first, last = (year, lo.month, lo.day), (year + span, hi.month, hi.day)
            if first <= (day.year, day.month, day.day) <= last:
                return True
        return False

    # --- where and who -----------------------------------------------------------------
    def covered(self, where, door):
        where = where or {}
        return bool(where.get("all")) or door in (where.get("doors") or []) or any(
            door in ((self.row("door_group", g) or {}).get("doors") or []) for g in where.get("door_groups") or [])

    def inert(self, kind, row):
        return any(f not in KNOWN[kind] for f in row.get("crit") or [])

    def memberships(self, person):
        for g in person.get("groups") or []:
            m = {"id": g} if isinstance(g, str) else g
            group = self.row("group", m["id"])
            if group is not None and not self.inert("group", group):
                yield m, group

    @staticmethod
    def type_matches(types, person):
        return any(t["type"] == person.get("type") and (not t.get("statuses") or person.get("status") in t["statuses"])
                   for t in types or [] if person.get("type"))

    def effective(self, kind, door):
        best = None
        for r in self.of(kind):
            level = {"site": 0, "door_group": 1, "door": 2}[r["level"]]
            if level == 2 and r.get("target") != door:
                continue
            if level == 1 and door not in ((self.row("door_group", r.get("target")) or {}).get("doors") or []):
                continue
            key = (-level, r.get("priority", 100), r["id"].encode())
            if best is None or key < best[0]:
                best = (key, r)
        return best and best[1]

    # --- door mode ------------------------------------------------------------------------
    def door(self, id):
        return self.doors.setdefault(id, {
            "local": None, "restored": None, "lockdown": False, "latches": {}, "mode": "locked", "fire": False,
            "contact": None, "rex": None, "ends": None, "rex_ends": None, "commits": []})

    def timed(self, row):
        return row.get("schedule") is not None or row.get("valid_from") is not None or row.get("valid_until") is not None

    def at_time(self, t, what):
        before, self.now = self.now, t
        try:
            return what()
        finally:
            self.now = before

    def row_now(self, row, zone):
        if not self.timed(row):
            return True
        if not self.trusted() or self.valid(row) != "within":
            return False
        return row.get("schedule") is None or self.in_windows(row["schedule"], zone)

    def one_time_date(self, rows, zone):
        for r in rows:
            if r["tier"] != "one_time":
                continue
            if not self.timed(r):
                return True
            if not self.trusted() or self.valid(r) != "within":
                continue
            if r.get("schedule") is None:
                return True
            today = DAYS[local(zone, self.now)[0].weekday()]
            if any(today in w["days"] for w in (self.row("schedule", r["schedule"]) or {}).get("windows", [])):
                return True
        return False

    def in_force(self, r, rows, zone):
        if not self.row_now(r, zone):
            return False
        if r["tier"] != "routine":
            return True
        if self.one_time_date(rows, zone):
            return False
        unlocks = r["mode"] in ("unlocked", "first_credential")
        return not (unlocks and self.trusted() and self.holiday("default", zone) is not None)

    def wish(self, r, state):
        latch = state["latches"].get(r["id"])
        if latch and latch["line"] == r["line"] and self.now < latch["until"]:
            return "locked" if latch["kind"] == "ended" else "unlocked"
        return r["mode"]

    def look_mode(self, id, without_fire=False):
        """(mode, rows that decide, may be ended, a lockdown covers it, mode beneath a lockdown)"""
        door, state = self.row("door", id), self.door(id)
        zone = self.zone(door)
        rules = self.effective("access_rules", id)
        maintenance = door.get("maintenance") or "normal"
        blocked = bool(rules and rules.get("block"))
        beneath = "forced_closed" if maintenance == "force_closed" else "blocked" if blocked and maintenance == "normal" else "locked"
        covered = state["lockdown"] or any(self.covered(r.get("where"), id) for r in self.of("lockdown"))
        if (self.fire or state["fire"]) and (door.get("fire") or "release") == "release" and not without_fire:
            return "unlocked", [], False, covered, beneath
        if covered:
            return "locked_down", [], False, covered, beneath
        if maintenance == "force_open":
            return "unlocked", [], False, covered, beneath
        if beneath != "locked":
            return beneath, [], False, covered, beneath
        rows = [r for r in self.of("door_mode") if self.covered(r.get("where"), id)]
        force = [r for r in rows if self.in_force(r, rows, zone)]
        # quick
        least = -10 ** 18
        quick = []
        for r in force:
            at = least if r.get("at") is None else instant(r["at"])
            if r["tier"] == "quick" and not (state["restored"] is not None and at <= state["restored"]):
                quick.append((at, 0, r["id"].encode(), r))
        own = state["local"]
        if own and (own["until"] is None or (self.now < own["until"] if self.trusted() else own["mode"] == "locked")):
            quick.append((own["at"], 1, b"", None))
        if quick:
            row = max(quick, key=lambda q: q[:3])[3]
            if row is None:
                return own["mode"], [], False, covered, beneath
            mode = self.wish(row, state)
            return mode, [row], mode == "unlocked" and bool(row.get("allow_manual_end")), covered, beneath
        order = ["unlocked", "first_credential", "locked", "locked_down"]
        for tier in ("one_time", "routine"):
            some = [r for r in force if r["tier"] == tier]
            if some:
                mode = max((self.wish(r, state) for r in some), key=order.index)
                return mode, some, mode == "unlocked" and all(r.get("allow_manual_end") for r in some), covered, beneath
        return "locked", [], False, covered, beneath

    def window_end(self, r, id):
        zone, rows = self.zone(self.row("door", id)), [x for x in self.of("door_mode") if self.covered(x.get("where"), id)]
        marks = {self.now + 86400}
        for x in rows:
            for b in ("valid_from", "valid_until"):
                if instant(x.get(b)) is not None:
                    marks.add(instant(x[b]))
        first = self.now - self.now % 60 + 60
        marks.update(range(first, self.now + 86400, 60))
        for t in sorted(m for m in marks if self.now < m <= self.now + 86400):
            if t == self.now + 86400 or not self.at_time(t, lambda: self.in_force(r, rows, zone)):
                return t

    def refresh(self, id):
        """Latches that have ended go; a change of mode is an event."""
        if self.row("door", id) is None:
            state = self.door(id)
            state["latches"] = {}
            self.change_mode(id, "locked")
            return
        door, state = self.row("door", id), self.door(id)
        zone, rows = self.zone(door), [r for r in self.of("door_mode") if self.covered(r.get("where"), id)]
        for rid in list(state["latches"]):
            latch, r = state["latches"][rid], self.row("door_mode", rid)
            if r is None or r not in rows or r["line"] != latch["line"] or self.now >= latch["until"] or not self.in_force(r, rows, zone):
                del state["latches"][rid]
        self.change_mode(id, self.look_mode(id)[0])

    def change_mode(self, id, mode):
        state = self.door(id)
        if mode == state["mode"]:
            return
        state["mode"] = mode
        self.events.append(("door_mode", id, None))
        if mode in ("locked_down", "forced_closed", "blocked"):
            state["ends"] = state["rex_ends"] = None
        if not self.released(id):
            state["commits"] = []  # nobody is let in any more

    # --- the door's lock ----------------------------------------------------------------------
    def rex_live(self, id):
        door, state = self.row("door", id) or {}, self.door(id)
        if state["rex"] is None or (door.get("rex") or "release") != "release" or self.now - state["rex"] >= 300:
            return False
        return state["mode"] != "locked_down" or bool(door.get("rex_in_lockdown"))

    def releasing(self, id):
        state = self.door(id)
        return (state["ends"] is not None and self.now < state["ends"]) or (
            state["rex_ends"] is not None and self.now < state["rex_ends"])

    def released(self, id):
        return self.door(id)["mode"] == "unlocked" or self.releasing(id)

    def release(self, id, seconds):
        state = self.door(id)
        ends = self.now + seconds
        if state["ends"] is None or self.now >= state["ends"] or ends > state["ends"]:
            state["ends"] = ends

    def interlocked(self, id):
        others = {d for i in self.of("interlock") if id in (i.get("doors") or []) for d in i["doors"] if d != id}
        return any(d in self.doors and (self.doors[d]["contact"] == "open" or self.released(d)) for d in others)

    # --- areas -----------------------------------------------------------------------------------
    def resets(self, area):
        """The newest reset that has come."""
        if not area.get("reset_daily"):
            return None
        zone, day = ZoneInfo(self.site()["tz"]), local(self.site()["tz"], self.now)[0]
        best = None
        for d in (day - timedelta(1), day):
            m = minute(area["reset_daily"])
            t = int(datetime(d.year, d.month, d.day, m // 60, m % 60, tzinfo=zone, fold=0).timestamp())
            if local(self.site()["tz"], t) != (d, m * 60):  # in a gap: the moment after it
                t = next(s for s in range(t - 7200, t + 7200) if local(self.site()["tz"], s) >= (d, m * 60))
            if t <= self.now and (best is None or t > best):
                best = t
        return best

    def pass_of(self, area, person):
        state = self.passes.get((area["id"], person))
        if state is None or not self.trusted():
            return state
        if area.get("timeout_s") and self.now - state[1] >= area["timeout_s"]:
            return None
        reset = self.resets(area)
        return None if reset is not None and state[1] < reset else state

    def areas_of(self, reader):
        for area in self.of("area"):
            if reader in (area.get("entry") or []):
                yield area, "entry"
            if reader in (area.get("exit") or []):
                yield area, "exit"

    def kept(self, area):
        return (area.get("antipassback") or "off") != "off" or area.get("max_occupancy") is not None

    def record(self, reader, person):
        for area, side in self.areas_of(reader):
            if self.kept(area):
                self.passes[(area["id"], person)] = ("in" if side == "entry" else "out", self.now)

    # --- the checks, in their order -------------------------------------------------------------------
    def factor_time(self, door):
        s = door.get("factor_schedule")
        if s is None or not self.trusted() or self.row("schedule", s) is None:
            return True
        return self.in_windows(s, self.zone(door))

    def asks_pin(self, door):
        return (door.get("factors") or "single") == "card_and_pin" and self.factor_time(door)

    def find(self, kind, value, bits):
        for c in self.of("credential"):
            if c["type"] == kind and canonical(kind, c["value"]) == value:
                if c.get("bits") and bits and c["bits"] != bits:
                    return None
                return c
        return None

    def check_read(self, r):
        reader = self.row("reader", r["reader"])
        if r["value"] is None:
            return "read_malformed"
        if reader is None:
            return "reader_unknown"
        if r.get("stale"):
            return "read_stale"
        if reader.get("accepts") is not None and r["type"] not in reader["accepts"]:
            return "credential_type_not_accepted"
        door = self.row("door", reader["door"])
        is_pin = r["type"] == "pin" or (r.get("pin") is not None and door is not None and self.asks_pin(door))
        if is_pin and self.locked.get(r["reader"], 0) > self.now:
            return "pin_locked_out"

    def decide(self, r, second=None):
        """Fills r with what comes of it."""
        r.update(via=None, violation=None, duress=False, release_s=0, floors=[], mode=None, decision="denied", grants=False)
        reader = self.row("reader", r["reader"])
        r["door"] = None
        door = reader and self.row("door", reader["door"])
        if door is not None:
            r["door"] = reader["door"]
            r["look"] = self.look_mode(r["door"])
            r["mode"] = r["look"][0]
        reason = self.check_read(r)
        if reason is None:
            reason = self.holder(r)
        if reason is None and door is None:
            reason = "door_unknown"
        if reason is None:
            reason = self.decide_door(r, door, second)
        r["reason"] = reason
        if reason in ("pin_required", "second_person_required"):
            r["decision"] = "pending"
        if reason in (GRANTED, "already_unlocked", "hold_open_ended"):
            r["decision"] = GRANTED
        else:
            r["via"] = None
        if reason not in (GRANTED, "antipassback", "hold_open_ended"):
            r["violation"] = None
        return r

    def lookup(self, r):
        """The credential, and whether it was given under duress."""
        c = self.find(r["type"], r["value"], r.get("bits"))
        known = any(x["type"] == r["type"] and canonical(x["type"], x["value"]) == r["value"] for x in self.of("credential"))
        if c is None and not known and r["type"] == "pin" and self.site().get("duress") == "last_digit_plus_one":
            c = self.find("pin", less_one(r["value"]), r.get("bits"))
            return c, c is not None
        return c, False

    def holder(self, r):
        c, r["duress"] = self.lookup(r)
        r["credential"] = c
        if c is None:
            return "credential_unknown"
        person = self.row("person", c.get("person"))
        r["person"] = person
        if person is None:
            return "credential_unassigned"
        if person.get("enabled") is False or self.inert("person", person):
            return "person_disabled"
        if c.get("enabled") is False or self.inert("credential", c):
            return "credential_disabled"
        for who, row in (("person", person), ("credential", c)):
            v = self.valid(row)
            if v != "within":
                return {"before": who + "_not_yet_valid", "after": who + "_expired", "untrusted": "clock_untrusted"}[v]

    def decide_door(self, r, door, second):
        person = r["person"]
        if door.get("licensed") is False:
            return "door_unlicensed"
        if self.trusted() and door.get("license_until") and self.now >= instant(door["license_until"]):
            return "door_unlicensed"
        mode, _, may_end, _, beneath = r["look"]
        objections = {"blocked": "door_blocked", "forced_closed": "door_forced_closed", "locked_down": "door_locked_down"}
        if mode == "locked_down" and person.get("lockdown_bypass"):
            mode = beneath
        if mode in objections:
            return objections[mode]
        if r["mode"] == "unlocked":
            if may_end and person.get("first_credential"):
                duress = r["duress"]
                if self.rest(r, door, second, last=14) is None:
                    return "hold_open_ended"
                r["duress"] = duress
                r["violation"] = None
            r["via"] = None
            return "already_unlocked"
        reason = self.rest(r, door, second, last=15)
        if reason:
            return reason
        r["grants"] = True
        r["release_s"] = door.get("extended_release_s", 20) if person.get("extended_release") else door.get("release_s", 10)
        floors = list(person.get("floors") or [])
        for m, group in self.memberships(person):
            if self.valid(m) == "within":
                floors += group.get("floors") or []
        floors += r.get("path_floors") or []
        r["floors"] = sorted({(type(f).__name__, f): f for f in floors}.values(), key=floor_key)
        return GRANTED

    def rest(self, r, door, second, last):
        for check in (self.check_paths, self.check_age, self.check_pin, self.check_geofence, self.check_areas,
                      self.check_uses, self.check_board):
            reason = check(r, door, second)
            if reason:
                return reason
        if last == 15 and (door.get("factors") or "single") == "two_person" and self.factor_time(door) and second is None:
            return "second_person_required"

    def check_paths(self, r, door, second):
        zone, person = self.zone(door), r["person"]
        furthest = ["no_permission", "entitlement_expired", "entitlement_not_started", "outside_schedule", "holiday", "clock_untrusted"]
        worst = "no_permission"
        r["path_floors"] = []
        for via, outcome, floors in self.paths(r, door, zone, person):
            if outcome is None:
                r["via"], r["path_floors"] = via, floors
                return None
            worst = max(worst, outcome, key=furthest.index)
        return worst

    def paths(self, r, door, zone, person):
        rules = self.effective("access_rules", door["id"])
        if rules is not None:
            match = not self.inert("access_rules", rules) and (
                self.type_matches(rules.get("types"), person) or bool(set(rules.get("tags") or []) & set(person.get("tags") or [])))
            yield {"kind": "access_rules", "id": rules["id"]}, (self.hours(rules.get("hours"), zone) if match else "no_permission"), []
        one_time = any(x["tier"] == "one_time" and self.covered(x.get("where"), door["id"]) and self.row_now(x, zone)
                       for x in self.of("door_mode"))
        for e in self.of("entitlement"):
            if e.get("enabled") is False or self.inert("entitlement", e) or not self.covered(e.get("where"), door["id"]):
                continue
            who = e.get("who") or {}
            ways = []
            if who.get("everyone") or person["id"] in (who.get("persons") or []) or r["credential"]["id"] in (who.get("credentials") or []) \
                    or set(who.get("tags") or []) & set(person.get("tags") or []) or self.type_matches(who.get("types"), person):
                ways.append({})
            ways += [m for m, g in self.memberships(person) if m["id"] in (who.get("groups") or [])]
            outcomes = [self.entitlement(e, way, zone, one_time) for way in ways]
            for outcome in sorted(outcomes, key=lambda o: o is not None):
                yield {"kind": e["kind"], "id": e["id"]}, outcome, e.get("floors") or []

    def hours(self, schedule, zone):
        if schedule is None:
            return None
        if not self.trusted():
            return "clock_untrusted"
        return None if self.in_windows(schedule, zone) else "outside_schedule"

    def entitlement(self, e, way, zone, one_time):
        for row in (e, way):
            v = self.valid(row)
            if v != "within":
                return {"before": "entitlement_not_started", "after": "entitlement_expired", "untrusted": "clock_untrusted"}[v]
        rule = e.get("holiday") or "ignore"
        if rule == "ignore" or one_time:
            return self.hours(e.get("schedule"), zone)
        if not self.trusted():
            return "clock_untrusted"
        working = self.holiday(e.get("calendar") or "default", zone)
        if working is None:
            return self.hours(e.get("schedule"), zone)
        if not working:
            return "holiday"
        return None if rule == "replace" else self.hours(e.get("schedule"), zone)

    def check_age(self, r, door, second):
        limits = {"personal": None, "visitor": 86400, "delivery": 86400, "admin": None}
        limits.update(self.site().get("max_policy_age_s") or {})
        limit = limits[r["credential"].get("class") or "personal"]
        if limit is not None and self.age > limit:
            return "policy_stale"

    def check_pin(self, r, door, second):
        if not self.asks_pin(door):
            return None
        if r["type"] == "pin":
            return "card_required"
        if r.get("pin") is None:
            return "pin_required"
        pin = self.find("pin", r["pin"], None)
        own = lambda c: c is not None and c.get("person") == r["person"]["id"]
        good = lambda c: c.get("enabled") is not False and not self.inert("credential", c) and self.valid(c) == "within"
        if own(pin):
            return None if good(pin) else "pin_wrong"
        other = self.find("pin", less_one(r["pin"]), None)
        if self.site().get("duress") == "last_digit_plus_one" and own(other) and good(other):
            r["duress"] = True
            return None
        return "pin_wrong"

    def check_geofence(self, r, door, second):
        if r["type"] != "mobile":
            return None
        g = self.effective("geofence", door["id"])
        if g is None or g.get("enabled") is False:
            return None
        if g.get("lat") is None or g.get("lon") is None:
            return "geofence_misconfigured"
        at = r.get("location")
        if at is None:
            return "location_unavailable"
        if at["accuracy_m"] > g.get("max_accuracy_m", 100):
            return "location_imprecise"
        a, b = math.radians(g["lat"]), math.radians(at["lat"])
        h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(at["lon"] - g["lon"]) / 2) ** 2
        distance = 2 * 6371000 * math.asin(min(1, math.sqrt(h)))
        if distance > g.get("radius_m", 200) + at["accuracy_m"] + g.get("buffer_m", 25):
            return "outside_geofence"

    def check_areas(self, r, door, second):
        me = r["person"]["id"]
        for area, side in self.areas_of(r["reader"]):
            if side != "entry" or area.get("max_occupancy") is None:
                continue
            people = {p for a, p in self.passes if a == area["id"]}
            inside = {p for p in people if p != me and (self.pass_of(area, p) or ("", 0))[0] == "in"}
            if second is not None:
                inside.add(second)
            if len(inside) >= area["max_occupancy"]:
                return "occupancy_full"
        exempt = r["person"].get("antipassback_exempt") or any(
            g.get("antipassback_exempt") and self.valid(m) == "within" for m, g in self.memberships(r["person"]))
        if exempt:
            return None
        for area, side in self.areas_of(r["reader"]):
            kind = area.get("antipassback") or "off"
            if kind == "off":
                continue
            s = area.get("schedule")
            if s is not None and self.trusted() and self.row("schedule", s) is not None and not self.in_windows(s, self.site()["tz"]):
                continue
            state = self.pass_of(area, me)
            if side == "entry":
                bad = state is not None and state[0] == "in"
            else:
                bad = state[0] == "out" if state is not None else area.get("exit_without_entry") == "violation"
            if bad and kind == "deny":
                r["violation"] = side
                return "antipassback"
            if bad and r["violation"] is None:
                r["violation"] = side

    def check_uses(self, r, door, second):
        c = r["credential"]
        if c.get("uses_per_door") is not None and self.uses.get((c["id"], door["id"]), 0) >= c["uses_per_door"]:
            return "uses_exhausted"
        if c.get("uses_total") is not None and self.uses.get(c["id"], 0) >= c["uses_total"]:
            return "uses_exhausted"

    def check_board(self, r, door, second):
        if self.interlocked(door["id"]):
            return "interlock"
        if not self.online.get(door["id"], True):
            return "controller_offline"

    # --- what comes of a read ------------------------------------------------------------------------
    def consume(self, r, credential, person, counts):
        if counts and (credential.get("uses_per_door") is not None or credential.get("uses_total") is not None):
            for key in ((credential["id"], r["door"]), credential["id"]):
                self.uses[key] = self.uses.get(key, 0) + 1
        state = self.door(r["door"])
        if self.site().get("antipassback_commit") == "taken" and state["contact"] == "closed" and len(state["commits"]) < 4:
            if any(self.kept(a) for a, _ in self.areas_of(r["reader"])):
                self.door(r["door"])["commits"].append((r["reader"], person))
        else:
            self.record(r["reader"], person)

    def settle(self, r, first=None):
        """Journals the decision and acts on it."""
        self.events.append(("access", self.event_door(r), r["reason"]))
        if r["reason"] == "pin_wrong" or (r["type"] == "pin" and r["reason"] == "credential_unknown"):
            rule = {"failures": 5, "window_s": 60, "lock_s": 60}
            rule.update(self.site().get("pin_lockout") or {})
            recent = [t for t in self.failures.get(r["reader"], []) if self.mono - t < rule["window_s"]] + [self.mono]
            if len(recent) >= rule["failures"]:
                self.locked[r["reader"]] = self.now + rule["lock_s"]
                recent = []
            self.failures[r["reader"]] = recent
        if r["decision"] == GRANTED and r["reason"] != "hold_open_ended":
            self.consume(r, r["credential"], r["person"]["id"], r["reason"] == GRANTED)
            if first is not None:
                self.consume(r, first["credential"], first["person"]["id"], True)
        if r["duress"]:
            self.events.append(("duress", self.event_door(r), None))
        known = r["value"] is not None and self.row("reader", r["reader"]) is not None
        c = r.get("credential") or (known and self.lookup(r)[0]) or None
        if r["reason"] != "read_stale" and c is not None and c.get("enabled") is False and \
                c.get("disabled_reason") in ("lost", "stolen"):
            self.events.append(("lost_credential", self.event_door(r), None))
        if r["decision"] == GRANTED:
            self.latch(r)
            self.refresh(r["door"])
            if r["release_s"]:
                self.release(r["door"], r["release_s"])

    def event_door(self, r):
        reader = self.row("reader", r["reader"])
        return reader and reader["door"]

    def latch(self, r):
        mode, rows = r["look"][0], r["look"][1]
        kind = None
        if r["reason"] == GRANTED and mode == "first_credential" and r["person"].get("first_credential"):
            kind, rows = "open", [x for x in rows if x["mode"] == "first_credential"]
        elif r["reason"] == "hold_open_ended":
            kind = "ended"
        if kind:
            for x in rows:
                self.door(r["door"])["latches"][x["id"]] = {"kind": kind, "until": self.window_end(x, r["door"]), "line": x["line"]}

    def deny_waiting(self, reader, reason=None):
        w = self.waiting.pop(reader)
        r = self.decide(dict(w["read"]))
        r["reason"], r["decision"], r["release_s"], r["floors"], r["via"] = reason or w["reason"], "denied", 0, [], None
        r["violation"] = None
        self.settle(r)
        self.remember(r)

    def remember(self, r):
        if r.get("id"):
            self.done[(r["reader"], r["id"])] = (self.now, r)

    def present(self, r):
        key = (r["reader"], r.get("id"))
        seen = self.done.get(key)
        if r.get("id") and seen and self.now - seen[0] < 600:
            return dict(seen[1], repeated=True)
        w = self.waiting.get(r["reader"])
        if w and r.get("id") and w["read"].get("id") == r["id"]:
            return dict(w["read"], repeated=True, reason=w["reason"], decision="pending")
        if r.get("retained"):
            self.events.append(("retained_refused", None, None))
        self.decide(r)
        zero = ("read_malformed", "reader_unknown", "read_stale", "credential_type_not_accepted", "pin_locked_out")
        if w and w["reason"] == "pin_required" and r["type"] == "pin" and r["reason"] not in zero:
            del self.waiting[r["reader"]]
            card = self.decide(dict(w["read"], pin=r["value"], id=r.get("id")))
            if card["decision"] == "pending":
                card.update(decision="denied", via=None, duress=False)
            self.settle(card)
            self.remember(card)
            self.done[(r["reader"], w["read"].get("id"))] = (self.now, card)
            return card
        if r["decision"] == "pending":
            return self.wait(r, w)
        self.settle(r)
        self.remember(r)
        return r

    def wait(self, r, w):
        reason = w and w["reason"]
        if w and w["reason"] == r["reason"] == "second_person_required":
            first = self.decide(dict(w["read"]))
            reason = first["reason"]
            if reason == "second_person_required" and first["person"]["id"] != r["person"]["id"]:
                both = self.decide(dict(r), second=first["person"]["id"])
                if both["decision"] == GRANTED:
                    both["duress"] = both["duress"] or first["duress"]
                    if first["person"].get("extended_release"):
                        both["release_s"] = max(both["release_s"], self.row("door", r["door"]).get("extended_release_s", 20))
                    del self.waiting[r["reader"]]
                    self.settle(both, first)
                    self.remember(both)
                    self.done[(r["reader"], w["read"].get("id"))] = (self.now, dict(first, decision=GRANTED, reason=GRANTED))
                    return both
                if both["decision"] == "denied":
                    self.settle(both)
                    self.remember(both)
                    return both
        if w:
            self.deny_waiting(r["reader"], reason)
        self.waiting[r["reader"]] = {"read": dict(r), "reason": r["reason"], "until": self.now + self.site().get("factor_timeout_s", 10)}
        return r

    # --- commands ---------------------------------------------------------------------------------------
    def command(self, s):
        result, reason, read = self.carry_out(s)
        if result != "duplicate" and s.get("id"):
            if self.trusted():  # forgotten when the next is remembered; of what has no age the week begins now
                self.commands = {k: t or self.now for k, t in self.commands.items() if t == 0 or self.now - t <= 7 * 86400}
            self.commands[s["id"]] = self.now if self.trusted() else 0
        self.events.append(("command", s.get("door"), reason if reason else (GRANTED if s["action"] == "release" and result == "done" else None)))
        if result != "done":
            return {"at": s["at"], "result": result, "reason": reason}
        if s["action"] == "present":
            return self.show(s["at"], self.present(read))
        for d in [s["door"]] if s.get("door") and s["action"] != "forgive_antipassback" else list(self.doors):
            if s["action"] != "forgive_antipassback":
                self.refresh(d)
        if s["action"] == "release":
            self.release(s["door"], self.row("door", s["door"]).get("release_s", 10))
        return {"at": s["at"], "result": result, "reason": None}

    def carry_out(self, s):
        action, args = s["action"], s.get("args") or {}
        until = instant(args.get("until"))
        if not self.trusted() and (action in ("release", "present") or (
                action in ("hold_open", "restore", "lockdown_release") and s.get("not_after"))):
            return "refused", "clock_untrusted", None
        seen = self.commands.get(s.get("id"))
        if seen is not None and (seen == 0 or not self.trusted() or self.now - seen <= 7 * 86400):
            return "duplicate", None, None
        if self.trusted():
            if s.get("not_after") and self.now >= instant(s["not_after"]):
                return "expired", None, None
            if action in ("hold_open", "lock") and until is not None and self.now >= until:
                return "expired", None, None
        if action == "forgive_antipassback":
            area, person = s.get("area") or args.get("area"), s.get("person") or args.get("person")
            for key in list(self.passes):
                if (area is None or key[0] == area) and (person is None or key[1] == person):
                    del self.passes[key]
            return "done", None, None
        if action == "present":
            return "done", None, self.read_of(dict(args, id=s.get("id")))
        door = s.get("door")
        if (door is None and action in ("release", "hold_open")) or (door is not None and self.row("door", door) is None):
            return "refused", "door_unknown", None
        if action == "release":
            mode, _, _, covered, _ = self.look_mode(door)
            if (covered or mode == "locked_down") and not self.site().get("admin_in_lockdown"):
                return "refused", "door_locked_down", None
            reason = self.check_board(None, self.row("door", door), None)
            return ("refused", reason, None) if reason else ("done", None, None)
        if action == "hold_open":
            mode = self.look_mode(door, without_fire=True)[0]
            objections = {"blocked": "door_blocked", "forced_closed": "door_forced_closed", "locked_down": "door_locked_down"}
            if mode in objections:
                return "refused", objections[mode], None
        for d in [door] if door else list(self.doors):
            state = self.door(d)
            if action in ("hold_open", "lock"):
                at = 253402300799 if action == "lock" and not self.trusted() else self.now
                state["local"] = {"mode": "unlocked" if action == "hold_open" else "locked", "at": at, "until": until}
            elif action == "restore":
                state["local"], state["restored"] = None, self.now
            else:
                state["lockdown"] = action == "lockdown"
        return "done", None, None

    # --- steps ---------------------------------------------------------------------------------------------
    def read_of(self, s):
        r = {"reader": s["reader"], "type": s.get("type"), "value": canonical(s.get("type"), s.get("value")),
             "pin": s.get("pin"), "bits": s.get("bits"), "location": s.get("location"), "id": s.get("id"),
             "retained": s.get("retained")}
        if r["pin"] is not None and canonical("pin", r["pin"]) is None:
            r["value"] = None
        r["stale"] = s.get("retained") or (s.get("age_s") or 0) > self.site().get("read_max_age_s", 5)
        return r

    def show(self, at, r):
        return {"at": at, "decision": r["decision"], "reason": r["reason"], "via": r["via"], "violation": r["violation"],
                "duress": r["duress"], "release_s": r["release_s"], "floors": r["floors"], "door": r["door"], "mode": r["mode"],
                "repeated": r.get("repeated", False)}

    def pass_to(self, t):
        """Lets time pass, minute by minute where doors or waits may change."""
        for k in self.rows:
            if k[0] == "door":
                self.door(k[1])
        while self.now < t:
            stops = [t]
            stops += [w["until"] for w in self.waiting.values() if w["until"] > self.now]
            if any(k[0] == "door_mode" for k in self.rows) or any(d["local"] or d["latches"] for d in self.doors.values()):
                stops.append(self.next_edge(t))
                for r in self.of("door_mode"):
                    stops += [x for x in (instant(r.get("valid_from")), instant(r.get("valid_until"))) if x is not None and x > self.now]
                for d in self.doors.values():
                    stops += [l["until"] for l in d["latches"].values() if l["until"] > self.now]
                    if d["local"] and d["local"]["until"] and d["local"]["until"] > self.now:
                        stops.append(d["local"]["until"])
            stops += [d["ends"] for d in self.doors.values() if d["ends"] and d["ends"] > self.now]
            nxt = min(stops)
            self.mono += nxt - self.now
            self.now = nxt
            for id, d in self.doors.items():
                if d["ends"] is not None and self.now >= d["ends"]:
                    d["ends"] = None
                    if not self.released(id):
                        d["commits"] = []
                self.refresh(id)
            for reader in [x for x, w in self.waiting.items() if self.now >= w["until"]]:
                self.deny_waiting(reader)

    def next_edge(self, end):
        """The next minute at which, on some wall clock, a window begins or ends, a day does, or the offset changes."""
        edges = {0} | {minute(w[x]) % 1440 for r in self.of("schedule") for w in r.get("windows", []) for x in ("start", "end")}
        zones = {self.zone(d) for d in self.of("door")}
        t = self.now - self.now % 60 + 60
        while t < end:
            for z in zones:
                second = local(z, t)[1]
                if second // 60 in edges or second != (local(z, t - 60)[1] + 60) % 86400:
                    return t
            t += 60
        return end

    mono = 0

    def apply(self, s):
        at = instant(s["at"])
        if self.now == 0:
            self.now = at
            for k in list(self.rows):
                if k[0] == "door":
                    self.refresh(k[1])
        self.pass_to(at)
        do = s.get("do")
        if do is None:
            return self.show(s["at"], self.present(self.read_of(s)))
        if do in ("put", "del"):
            self.put(dict(s["row"], op="del") if do == "del" else s["row"])
            for k in list(self.rows):
                if k[0] == "door":
                    self.door(k[1])
            for d in list(self.doors):
                self.refresh(d)
        elif do == "set":
            self.clock = s.get("clock", self.clock)
            self.age = s.get("policy_age_s", self.age)
            if "controller" in s:
                self.online[s["controller"]["door"]] = s["controller"]["online"]
                if not s["controller"]["online"]:
                    self.door(s["controller"]["door"])["ends"] = None
                    self.door(s["controller"]["door"])["rex_ends"] = None
            for d in list(self.doors):
                self.refresh(d)
        elif do == "input":
            self.input(s)
        elif do == "command":
            return self.command(s)
        elif do == "look":
            state = self.door(s["door"])
            onvif = "Unlocked" if state["mode"] == "unlocked" else "Accessed" if self.releasing(s["door"]) else \
                {"locked_down": "LockedDown", "blocked": "Blocked", "forced_closed": "Blocked"}.get(state["mode"], "Locked")
            return {"at": s["at"], "door": s["door"], "mode": state["mode"], "onvif": onvif,
                    "relay": self.released(s["door"]), "contact": state["contact"]}
        elif do == "events":
            events, self.events = self.events, []
            return {"at": s["at"], "events": events}
        return {"at": s["at"], "ok": True}

    def input(self, s):
        id = s.get("door")
        if "fire" in s:
            target, key = (self, None) if id is None else (self.door(id), "fire")
            if id is None:
                if self.fire != s["fire"]:
                    self.events.append(("fire", None, None))
                self.fire = s["fire"]
            else:
                if self.door(id)["fire"] != s["fire"]:
                    self.events.append(("fire", id, None))
                self.door(id)["fire"] = s["fire"]
            for d in list(self.doors):
                self.refresh(d)
        if "contact" in s:
            self.contact(id, s["contact"])

    def contact(self, id, level):
        door, state = self.row("door", id) or {}, self.door(id)
        before, state["contact"] = state["contact"], level
        if level == (before or "closed"):
            return
        if level == "open":
            for reader, person in state["commits"]:
                self.record(reader, person)
            state["commits"] = []
            if before is not None and (door.get("relock") or "on_close") == "on_open":
                state["ends"] = None
        elif (door.get("relock") or "on_close") == "on_close":
            state["ends"] = None
        if not self.released(id):
            state["commits"] = []


KNOWN = {
    "group": "name antipassback_exempt floors crit".split(),
    "person": "name enabled valid_from valid_until type status tags groups lockdown_bypass first_credential "
              "extended_release antipassback_exempt floors crit".split(),
    "credential": "person type value bits enabled disabled_reason valid_from valid_until uses_per_door uses_total class crit".split(),
    "entitlement": "kind enabled schedule valid_from valid_until holiday calendar who where floors crit".split(),
    "access_rules": "level target priority hours types tags block crit".split(),
}
