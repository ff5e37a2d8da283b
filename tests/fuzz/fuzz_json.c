/* Any bytes as a message of a protocol. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/json/json.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Each getter on members that are likely to be there, whatever their types. */
static void read_members(const struct json *v, int depth)
{
    static const char *const names[] = {"id", "a", "events", "rows", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct slice text;
        int64_t n;
        bool b;
        int kinds = json_int(v, names[i], &n) + json_bool(v, names[i], &b);
        if (json_text(v, names[i], &text)) {
            kinds++;
            assert(!text.len || !memchr(text.ptr, '\0', text.len));
        }
        const struct json *child = json_child(v, names[i]);
        size_t len = json_array_len(v, names[i]);
        kinds += (child != NULL) + (len > 0);
        assert(kinds <= 1 && (kinds == 0 || json_has(v, names[i])));
        assert(!json_array_at(v, names[i], len));
        if (child)
            read_members(child, depth + 1);
        for (size_t k = 0; k < len && k < 3; k++)
            read_members(json_array_at(v, names[i], k), depth + 1);
    }
    assert(depth <= 32);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char why[64];
    memset(why, 'x', sizeof why);
    struct json *v = json_parse_object(slice_make(data, size), why, sizeof why);
    if (!v) {
        assert(memchr(why, '\0', sizeof why) && why[0] != '\0' && !strchr(why, '\n'));
        return 0;
    }
    read_members(v, 0);
    size_t len, again_len;
    char *text = json_print(v, &len);
    assert(text && len == strlen(text));
    struct json *again = json_parse_object(slice_make(text, len), why, sizeof why);
    assert(again);
    char *again_text = json_print(again, &again_len);
    assert(again_text && again_len == len && memcmp(again_text, text, len) == 0);
    free(again_text);
    free(text);
    json_free(again);
    json_free(v);
    return 0;
}
