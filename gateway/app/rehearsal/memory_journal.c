#include "app/rehearsal/memory_journal.h"

#include <stdlib.h>

#include "adapters/sqlite/kept_map.h"

struct stored {
    char *bytes; /* owned */
    size_t len;
};

struct memory_journal {
    uint64_t next;
    struct stored *event; /* since the last forget; owned */
    size_t n, room;
    struct repeat *repeat; /* of all reads; owned */
    size_t n_repeats, repeat_room;
    struct kept_map kept;
};

/* Room for one more in a list that grows; false when out of memory. */
static bool grow(void **list, size_t *room, size_t n, size_t size)
{
    if (n < *room)
        return true;
    size_t want = *room ? *room * 2 : 64;
    void *more = realloc(*list, want * size);
    if (!more)
        return false;
    *list = more;
    *room = want;
    return true;
}

static uint64_t next_seq(void *self)
{
    struct memory_journal *j = self;
    return j->next;
}

static uint64_t durable(void *self)
{
    struct memory_journal *j = self;
    return j->next - 1;
}

static bool is_failing(void *self)
{
    (void)self;
    return false;
}

static enum gh_err append(void *self, uint64_t seq, struct slice event, const struct repeat *repeat,
                          struct slice changes)
{
    struct memory_journal *j = self;
    if (seq != j->next || !changes_are_valid(changes))
        return GH_INVALID;
    char *bytes = malloc(event.len + 1);
    if (!bytes || !grow((void **)&j->event, &j->room, j->n, sizeof *j->event) ||
        (repeat && !grow((void **)&j->repeat, &j->repeat_room, j->n_repeats, sizeof *j->repeat)) ||
        kept_map_apply(&j->kept, changes) != GH_OK) {
        free(bytes);
        j->next++;
        return GH_FULL;
    }
    memcpy(bytes, event.ptr, event.len);
    struct stored *stored = &j->event[j->n++];
    stored->bytes = bytes;
    stored->len = event.len;
    if (repeat)
        j->repeat[j->n_repeats++] = *repeat;
    j->next++;
    return GH_OK;
}

static void counts(void *self, struct journal_counts *out)
{
    struct memory_journal *j = self;
    *out = (struct journal_counts){
        .stream = "rehearsal", .first_seq = 1, .next_seq = j->next, .durable_seq = j->next - 1};
}

static struct repeat *find(struct memory_journal *j, const struct id *reader,
                           const struct id *read_id)
{
    for (size_t i = j->n_repeats; i > 0; i--)
        if (id_equal(&j->repeat[i - 1].read_id, read_id) &&
            id_equal(&j->repeat[i - 1].reader, reader))
            return &j->repeat[i - 1];
    return NULL;
}

static enum gh_err repeat_find(void *self, const struct id *reader, const struct id *read_id,
                               struct repeat *out)
{
    const struct repeat *found = find(self, reader, read_id);
    if (!found)
        return GH_NOT_FOUND;
    *out = *found;
    out->this_boot = true;
    return GH_OK;
}

static void repeat_answered(void *self, const struct id *reader, const struct id *read_id)
{
    struct repeat *found = find(self, reader, read_id);
    if (found)
        found->answered = true;
}

static enum gh_err keep(void *self, struct slice changes)
{
    struct memory_journal *j = self;
    enum gh_err err = kept_map_apply(&j->kept, changes);
    return err == GH_IO ? GH_FULL : err;
}

static enum gh_err kept_each(void *self,
                             bool (*each)(void *context, struct slice key, struct slice value),
                             void *context)
{
    struct memory_journal *j = self;
    (void)kept_map_each(&j->kept, each, context);
    return GH_OK;
}

struct memory_journal *memory_journal_open(void)
{
    struct memory_journal *j = calloc(1, sizeof *j);
    if (j)
        j->next = 1;
    return j;
}

struct journal memory_journal_port(struct memory_journal *j)
{
    static const struct journal_ops ops = {
        .next_seq = next_seq,
        .append = append,
        .keep = keep,
        .kept_each = kept_each,
        .durable = durable,
        .is_failing = is_failing,
        .counts = counts,
        .repeat_find = repeat_find,
        .repeat_answered = repeat_answered,
    };
    return (struct journal){&ops, j};
}

size_t memory_journal_count(const struct memory_journal *j)
{
    return j->n;
}

struct slice memory_journal_event(const struct memory_journal *j, size_t i)
{
    return slice_make(j->event[i].bytes, j->event[i].len);
}

void memory_journal_forget(struct memory_journal *j)
{
    for (size_t i = 0; i < j->n; i++)
        free(j->event[i].bytes);
    j->n = 0;
}

void memory_journal_close(struct memory_journal *j)
{
    if (!j)
        return;
    memory_journal_forget(j);
    free(j->event);
    free(j->repeat);
    kept_map_clear(&j->kept);
    free(j);
}
