/* Second factors: a card that waits for its PIN, a person who waits for another.
 * Source: the decision contract, "Card and PIN" and "Two person". */
#include "app/gatehoused/controller_parts.h"

/* The road of a read that waits, taken again as of now. */
static struct road road_of(const struct wait *w)
{
    struct road road = {
        .reader = w->reader,
        .read_id = w->read_id,
        .type = w->type,
        .bits = w->bits,
        .has_value = true,
        .is_duress = w->is_duress,
        .request.location = w->location,
    };
    memcpy(road.hash, w->hash, sizeof road.hash);
    return road;
}

/* What a wait ends in when nothing more comes: the denial, under its own read's id. */
static void deny(struct controller *c, struct wait *w, enum reason reason, struct now now)
{
    struct road road = road_of(w);
    controller_gather(c, &road, now);
    struct verdict v = controller_judge(c, &road, NULL, NULL, now);
    v = (struct verdict){.decision = DECISION_DENIED,
                         .reason = reason,
                         .duress = v.duress,
                         .has_mode = v.has_mode,
                         .mode = v.mode};
    waits_end(&c->waits, w, v.decision, v.reason);
    controller_settle(c, &road, &v, NULL, now);
}

void controller_pass_waits(struct controller *c, struct now now)
{
    struct controller_last last = c->last;
    struct wait *w;
    while ((w = waits_expired(&c->waits, now.mono)) != NULL)
        deny(c, w, w->reason, now);
    c->last = last;
}

void controller_complete_with_pin(struct controller *c, struct wait *w, const struct road *pin,
                                  struct now now)
{
    struct road road = road_of(w);
    road.read_id = pin->read_id; /* it is the PIN that is answered now */
    memcpy(road.pin_hash, pin->hash, sizeof road.pin_hash);
    memcpy(road.pin_duress_hash, pin->duress_hash, sizeof road.pin_duress_hash);
    road.request.has_pin = true;
    controller_gather(c, &road, now);
    struct verdict v = controller_judge(c, &road, NULL, NULL, now);
    if (v.decision == DECISION_PENDING) { /* the door asks for something else by now */
        v = (struct verdict){.decision = DECISION_DENIED, .reason = v.reason,
                             .has_mode = v.has_mode, .mode = v.mode};
    }
    waits_end(&c->waits, w, v.decision, v.reason);
    controller_settle(c, &road, &v, NULL, now);
}

/* Decides again who waits, as of now. True if they still pass as far as they did. */
static bool still_passes(struct controller *c, const struct wait *w, struct now now,
                         struct companion *out, enum reason *reason)
{
    struct road road = road_of(w);
    controller_gather(c, &road, now);
    struct verdict v = controller_judge(c, &road, NULL, NULL, now);
    const struct policy_credential *credential = &road.policy.holder.credential;
    *reason = v.reason;
    *out = (struct companion){
        .credential = road.policy.holder.credential_id,
        .person = credential->person,
        .has_limit = credential->uses_per_door != USES_UNLIMITED ||
                     credential->uses_total != USES_UNLIMITED,
        .is_extended = road.policy.holder.person.extended_release,
        .extended_s = road.policy.door_known ? road.policy.door->door.extended_release_s : 0,
        .duress = v.duress,
    };
    return v.reason == REASON_SECOND_PERSON_REQUIRED;
}

static void start_wait(struct controller *c, const struct road *road, const struct verdict *v,
                       struct now now)
{
    int64_t timeout_ms = (int64_t)road->policy.site.factor_timeout_s * 1000;
    struct wait w = {
        .reader = road->reader,
        .reason = v->reason,
        .read_id = road->read_id,
        .type = road->type,
        .bits = road->bits,
        .location = road->request.location,
        .ends = mono_add_ms(now.mono, timeout_ms),
    };
    w.is_duress = road->policy.holder.duress;
    memcpy(w.hash, w.is_duress && !road->is_duress ? road->duress_hash : road->hash, sizeof w.hash);
    if (!waits_put(&c->waits, &w)) {
        struct verdict denied = {.decision = DECISION_DENIED, .reason = v->reason,
                                 .has_mode = v->has_mode, .mode = v->mode};
        controller_settle(c, road, &denied, NULL, now);
        return;
    }
    controller_say(c, road, v);
    ledger_flush(&c->ledger); /* a kill must not lose the denial that it may come to */
    controller_answer(c, &road->reader, &road->read_id, v->decision, v->reason);
}

void controller_wait(struct controller *c, struct wait *waiting, struct road *road,
                     const struct verdict *verdict, struct now now)
{
    struct verdict v = *verdict;
    struct companion first;
    enum reason reason = waiting ? waiting->reason : REASON_GRANTED;
    bool pairs = waiting && v.reason == REASON_SECOND_PERSON_REQUIRED &&
                 waiting->reason == REASON_SECOND_PERSON_REQUIRED;
    if (pairs && still_passes(c, waiting, now, &first, &reason)) {
        controller_gather(c, road, now); /* the store's lists were the other one's */
        if (!id_equal(&first.person, &road->policy.holder.credential.person)) {
            v = controller_judge(c, road, &first.person, NULL, now);
            if (v.decision == DECISION_GRANTED) {
                v.duress = v.duress || first.duress;
                if (first.is_extended && v.release_s < first.extended_s)
                    v.release_s = first.extended_s;
                waits_end(&c->waits, waiting, v.decision, v.reason);
                controller_settle(c, road, &v, &first, now);
                return;
            }
            if (v.decision == DECISION_DENIED) { /* no room for two */
                controller_settle(c, road, &v, NULL, now);
                return;
            }
        }
    }
    if (waiting) {
        deny(c, waiting, reason, now);
        controller_gather(c, road, now);
    }
    start_wait(c, road, &v, now);
}
