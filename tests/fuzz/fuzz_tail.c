/* The tail's head and records, and lists of changes, from arbitrary bytes: whatever
 * is accepted must encode to the very bytes that were read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "adapters/sqlite/tail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A fuzzer does not find CRCs: seal the record so that what lies behind is
 * reached. */
static size_t seal(unsigned char *bytes, size_t size)
{
    if (size < RECORD_HEAD)
        return 0;
    size_t len = size < RECORD_MAX ? size : RECORD_MAX;
    record_put32(bytes, (uint32_t)len);
    record_put32(bytes + 4, record_crc(record_crc(0, bytes, 4), bytes + 8, len - 8));
    return len;
}

static void check(struct slice bytes)
{
    unsigned char again[RECORD_MAX];
    struct record last = {0}, r;
    size_t used = 0, at = 0;
    while (record_decode(&r, &used, slice_make(bytes.ptr + at, bytes.len - at)) == GH_OK) {
        if (record_encode(again, &r) != used || memcmp(again, bytes.ptr + at, used) != 0)
            abort();
        if (at > 0)
            (void)tail_follows(&last, &r);
        last = r;
        at += used;
    }
}

static void check_head(struct slice bytes)
{
    struct tail_head head;
    if (tail_head_decode(&head, bytes) != GH_OK)
        return;
    if (strlen(head.stream) != TAIL_STREAM || head.half < RECORD_MAX || head.half > TAIL_HALF_MAX)
        abort();
}

static void check_changes(struct slice bytes)
{
    struct changes again = {0};
    struct change change;
    if (bytes.len > CHANGES_MAX)
        bytes.len = CHANGES_MAX;
    struct slice rest = bytes;
    while (changes_next(&rest, &change))
        if (change.key.len < 1 || change.key.len > CHANGE_KEY_MAX ||
            change.value.len > CHANGE_VALUE_MAX ||
            changes_add(&again, change.key, change.value) != GH_OK)
            abort();
    bool whole = bytes.len == 0 || rest.ptr;
    if (whole != changes_are_valid(bytes) || again.len > bytes.len ||
        (whole && again.len != bytes.len) || memcmp(again.bytes, bytes.ptr, again.len) != 0)
        abort();
}

/* A record with changes alone, which are the input. */
static void check_keep(struct slice list)
{
    unsigned char bytes[RECORD_MAX];
    struct record r = {.number = 1, .kind = RECORD_KEEP, .changes = list}, out;
    size_t used = 0;
    if (list.len > CHANGES_MAX)
        return;
    size_t len = record_encode(bytes, &r);
    bool taken = record_decode(&out, &used, slice_make(bytes, len)) == GH_OK;
    if (taken != (list.len > 0 && changes_are_valid(list)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char nothing[1];
    struct slice list = slice_make(size ? (const char *)data : nothing, size);
    check_changes(list);
    check_keep(list);
    check_head(slice_make(data, size));
    check(slice_make(data, size));
    unsigned char *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    if (size >= TAIL_HEAD_USED) {
        record_put32(copy + TAIL_HEAD_USED - 4, record_crc(0, copy, TAIL_HEAD_USED - 4));
        check_head(slice_make(copy, size));
    }
    check(slice_make((char *)copy, seal(copy, size)));
    free(copy);
    return 0;
}
