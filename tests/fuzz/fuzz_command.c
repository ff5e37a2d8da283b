/* Any bytes as a command: what is taken is within its bounds, what is refused says why. */
#include <assert.h>
#include <string.h>

#include "app/gatehoused/command_json.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_id(const struct id *id)
{
    assert(id_is_none(id) || id_is_valid(slice_of(id->s)));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char why[160] = "";
    struct json *v = json_parse_object(slice_make(data, size), why, sizeof why);
    if (!v)
        return 0;
    struct command c;
    memset(&c, 0xa5, sizeof c);
    why[0] = '\0';
    if (command_json_parse(v, "fallback", &c, why, sizeof why)) {
        check_id(&c.id);
        check_id(&c.door);
        check_id(&c.person);
        check_id(&c.area);
        assert(c.has_door || id_is_none(&c.door));
        if (c.action == COMMAND_PRESENT) {
            assert(id_is_valid(slice_of(c.read.reader.s)) && id_is_valid(slice_of(c.read.read_id.s)));
            assert((unsigned)c.read.type < CREDENTIAL_TYPES);
            assert(c.read.value.len >= 1 && c.read.value.len <= CREDENTIAL_VALUE_MAX);
        }
    } else {
        assert(why[0] != '\0' && !strchr(why, '\n'));
    }
    json_free(v);
    return 0;
}
