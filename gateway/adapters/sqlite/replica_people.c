/* Credentials and people, asked for each time. */
#include "replica_facts.h"

static enum gh_err read_person(struct replica_facts *f, const char *id, struct holder_facts *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_PERSON];
    struct policy_person *person = &out->person;
    enum gh_err err = replica_ask_by(s, id, &out->person_known);
    if (err != GH_OK || !out->person_known)
        return err;
    err = replica_column_flag(s, 0, &person->enabled);
    if (err == GH_OK)
        err = replica_column_validity(s, 1, &person->validity);
    if (err == GH_OK)
        err = replica_column_flag(s, 3, &out->person_denied);
    if (err == GH_OK)
        err = replica_column_flag(s, 4, &person->extended_release);
    if (err == GH_OK)
        err = replica_column_flag(s, 5, &person->lockdown_bypass);
    if (err == GH_OK)
        err = replica_column_flag(s, 6, &person->first_credential);
    if (err == GH_OK)
        err = replica_column_flag(s, 7, &person->antipassback_exempt);
    if (err == GH_OK)
        err = replica_column_text(s, 8, person->type, sizeof person->type);
    if (err == GH_OK)
        err = replica_column_text(s, 9, person->status, sizeof person->status);
    if (err == GH_OK)
        err = replica_column_words(s, 10, &f->answer, &person->tags);
    return err == GH_OK ? replica_column_floors(s, 11, &f->answer, &person->floors) : err;
}

struct found {
    bool is_known;
    struct id id;
    struct policy_credential credential;
    bool denied;
};

static enum gh_err read_found(sqlite3_stmt *s, struct found *out)
{
    struct policy_credential *c = &out->credential;
    int class = 0;
    enum gh_err err = replica_column_id(s, 0, &out->id);
    if (err == GH_OK)
        err = replica_column_id_or_none(s, 1, &c->person);
    if (err == GH_OK)
        err = replica_column_small(s, 2, 0, INT32_MAX, &c->bits);
    if (err == GH_OK)
        err = replica_column_flag(s, 3, &c->enabled);
    if (err == GH_OK)
        err = replica_column_id_or_none(s, 4, &c->disabled_reason);
    if (err == GH_OK)
        err = replica_column_validity(s, 5, &c->validity);
    if (err == GH_OK)
        err = replica_column_flag(s, 7, &out->denied);
    if (err == GH_OK)
        err = replica_column_small(s, 8, 0, CREDENTIAL_CLASSES - 1, &class);
    if (err == GH_OK)
        err = replica_column_small(s, 9, USES_UNLIMITED, USES_MAX, &c->uses_per_door);
    if (err == GH_OK)
        err = replica_column_small(s, 10, USES_UNLIMITED, USES_MAX, &c->uses_total);
    c->credential_class = (enum credential_class)class;
    return err;
}

static enum gh_err find(struct replica_facts *f, enum credential_type type,
                        const unsigned char *hash, struct found *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_CREDENTIAL];
    *out = (struct found){.credential.type = type};
    enum gh_err err = db_bind_int(s, 1, type);
    if (err == GH_OK)
        err = db_bind_blob(s, 2, slice_make(hash, VALUE_HASH_LEN));
    if (err == GH_OK)
        err = db_step(s, &out->is_known);
    return err == GH_OK && out->is_known ? read_found(s, out) : err;
}

static enum gh_err find_pin(struct replica_facts *f, const unsigned char *hash,
                            struct pin_facts *out)
{
    struct found found;
    enum gh_err err = find(f, CREDENTIAL_PIN, hash, &found);
    if (err != GH_OK || !found.is_known)
        return err;
    *out = (struct pin_facts){
        .is_known = true,
        .credential_id = found.id,
        .person = found.credential.person,
        .is_enabled = found.credential.enabled && !found.denied,
        .validity = found.credential.validity,
    };
    return GH_OK;
}

/* Another card that happens to have the same number. */
static bool is_other_card(const struct found *found, int bits)
{
    return found->credential.bits != 0 && bits != 0 && found->credential.bits != bits;
}

enum gh_err replica_facts_people(struct replica_facts *f, const struct policy_query *query,
                                 struct policy_facts *out)
{
    struct holder_facts *holder = &out->holder;
    struct found found;
    enum gh_err err = find(f, query->type, query->value_hash, &found);
    if (err == GH_OK && !found.is_known && query->duress_hash && out->site.duress) {
        err = find(f, query->type, query->duress_hash, &found);
        holder->duress = found.is_known;
    }
    if (err == GH_OK && query->pin_hash)
        err = find_pin(f, query->pin_hash, &out->pin);
    if (err == GH_OK && query->pin_duress_hash && out->site.duress)
        err = find_pin(f, query->pin_duress_hash, &out->duress_pin);
    if (err != GH_OK || !found.is_known || is_other_card(&found, query->bits))
        return err;
    holder->credential_known = true;
    holder->credential_id = found.id;
    holder->credential = found.credential;
    holder->credential_denied = found.denied;
    return id_is_none(&found.credential.person) ? GH_OK
                                                : read_person(f, found.credential.person.s, holder);
}
