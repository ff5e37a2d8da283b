#include "core/err.h"

const char *gh_err_name(enum gh_err err)
{
    switch (err) {
    case GH_OK: return "ok";
    case GH_INVALID: return "invalid";
    case GH_NOT_FOUND: return "not found";
    case GH_RETRY: return "not available now";
    case GH_FULL: return "full";
    case GH_CORRUPT: return "corrupt";
    case GH_IO: return "input/output error";
    }
    return "unknown error";
}
