/* Any bytes as a sealed file, under a key that they do not know; and as what stands in one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "app/box.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const unsigned char key[SEAL_KEY_LEN] = {3};

static size_t read_all(void *bytes, size_t size)
{
    struct seal *s = NULL;
    struct slice message;
    enum seal_mark mark;
    size_t n = 0;
    FILE *f = fmemopen(bytes, size, "r");
    assert(f);
    if (unseal_begin_with_key(&s, f, key) == GH_OK)
        while (unseal_next(s, &message, &mark) == GH_OK)
            n++;
    seal_free(s);
    fclose(f);
    return n;
}

static void check_entry(struct slice message)
{
    struct box_entry entry, again;
    size_t len;
    if (!box_entry_parse(&entry, message))
        return;
    assert(entry.part < BOX_PARTS && entry.mode <= 0777 && entry.owner[0] && entry.group[0]);
    char *text = box_entry_print(&entry, &len);
    assert(text && box_entry_parse(&again, slice_make(text, len)));
    assert(entry.part == again.part && strcmp(entry.owner, again.owner) == 0);
    free(text);
}

/* What we seal, with one byte of it another: never more messages than before it. */
static void check_altered(const unsigned char *data, size_t size)
{
    static char bytes[SEAL_MESSAGE_MAX + 4096];
    struct seal *s = NULL;
    size_t cut = size / 2;
    FILE *f = fmemopen(bytes, sizeof bytes, "w");
    assert(f && seal_begin_with_key(&s, f, key) == GH_OK);
    assert(seal_put(s, slice_make(data, cut), SEAL_LAST) == GH_OK);
    assert(seal_put(s, slice_make(data + cut, size - cut), SEAL_END) == GH_OK);
    long len = ftell(f);
    seal_free(s);
    fclose(f);
    assert(len > 0 && read_all(bytes, (size_t)len) == 2);
    bytes[(data[0] | data[1] << 8) % len] ^= (char)(data[2] | 1);
    assert(read_all(bytes, (size_t)len) < 2);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (crypto_start() != GH_OK || size < 3 || size > SEAL_MESSAGE_MAX)
        return 0;
    char *copy = malloc(size);
    assert(copy);
    memcpy(copy, data, size);
    assert(read_all(copy, size) == 0);
    free(copy);
    check_entry(slice_make(data, size));
    check_altered(data, size);
    return 0;
}
