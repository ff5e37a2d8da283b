/* Any bytes as the index of accounts, as the broker's file of passwords and as its rights. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "app/ctl/account_text.h"
#include "app/issued.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* What is taken is printed so that it is taken again, as the same. */
static void check_index(struct slice bytes)
{
    struct issued a = {0}, b = {0};
    int line = 0;
    size_t len, len2;
    if (issued_parse(&a, bytes, &line) != GH_OK) {
        assert(line > 0 && a.n == 0);
        return;
    }
    for (size_t i = 0; i < a.n; i++)
        assert(id_is_valid(slice_of(a.entry[i].id.s)));
    char *text = issued_print(&a, &len);
    assert(text && issued_parse(&b, slice_make(text, len), &line) == GH_OK && a.n == b.n);
    char *again = issued_print(&b, &len2);
    assert(again && len == len2 && memcmp(text, again, len) == 0);
    free(again);
    free(text);
    issued_free(&a);
    issued_free(&b);
}

struct count {
    size_t all, own;
};

static void count(void *context, struct slice name)
{
    struct count *c = context;
    c->all++;
    c->own += slice_is(name, "front");
}

/* Whatever stands there: an account is there after it was set, once, is gone after it was
 * removed, and no other comes or goes. */
static void check_accounts(struct slice bytes)
{
    struct count before = {0, 0}, set = {0, 0}, removed = {0, 0};
    struct slice hash;
    size_t len;
    accounts_each(bytes, count, &before);
    assert(accounts_find(bytes, "front", NULL) == (before.own > 0));
    char *text = accounts_set(bytes, "front", "$7$hash", &len);
    assert(text && accounts_find(slice_make(text, len), "front", &hash) && slice_is(hash, "$7$hash"));
    accounts_each(slice_make(text, len), count, &set);
    assert(set.own == 1 && set.all == before.all - before.own + 1);
    free(text);
    text = accounts_remove(bytes, "front", &len);
    assert(text);
    accounts_each(slice_make(text, len), count, &removed);
    assert(removed.own == 0 && removed.all == before.all - before.own);
    free(text);
}

static void check_rights(struct slice bytes)
{
    struct issued panels = {0};
    struct issued_entry desk = {.kind = ISSUED_PANEL, .how = ISSUED_PASSWORD};
    size_t len, len2;
    assert(id_set(&desk.id, slice_of("desk")) == GH_OK && issued_add(&panels, &desk) == GH_OK);
    char *once = acl_compose(acl_base(bytes), &panels, &len);
    assert(once);
    char *twice = acl_compose(acl_base(slice_make(once, len)), &panels, &len2);
    assert(twice && len == len2 && memcmp(once, twice, len) == 0);
    free(once);
    free(twice);
    issued_free(&panels);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char *copy = malloc(size + 1);
    assert(copy);
    memcpy(copy, data, size);
    struct slice bytes = slice_make(copy, size);
    check_index(bytes);
    check_accounts(bytes);
    check_rights(bytes);
    free(copy);
    return 0;
}
