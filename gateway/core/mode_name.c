#include "core/mode.h"
#include "core/word.h"

static const char *const words[DOOR_MODES] = {
    [MODE_LOCKED] = "locked",           [MODE_UNLOCKED] = "unlocked",
    [MODE_FIRST_CREDENTIAL] = "first_credential", [MODE_LOCKED_DOWN] = "locked_down",
    [MODE_BLOCKED] = "blocked",         [MODE_FORCED_CLOSED] = "forced_closed",
};

const char *door_mode_name(enum door_mode mode)
{
    return words[mode];
}

enum gh_err door_mode_parse(enum door_mode *out, struct slice word)
{
    int i;
    enum gh_err err = word_find(&i, words, DOOR_MODES, word);
    if (err)
        return err;
    *out = (enum door_mode)i;
    return GH_OK;
}
