#include <stdio.h>
#include <stdlib.h>

#include "app/control.h"
#include "app/ctl/ctl.h"

#define ANSWER_TIMEOUT_MS 5000

struct json *ctl_request(const char *call)
{
    struct json *request = json_new();
    if (request && json_set_text(request, "call", slice_of(call)))
        return request;
    json_free(request);
    return NULL;
}

void ctl_complain_unreachable(const struct ctl *ctl, enum gh_err err)
{
    if (err == GH_RETRY)
        fprintf(stderr,
                "gatehousectl: nobody answers at %s: is gatehoused running, and are you in the "
                "group gatehouse?\n",
                ctl->socket_path);
    else
        fprintf(stderr, "gatehousectl: the answer from %s broke off: see gatehoused's log\n",
                ctl->socket_path);
}

static bool keep_line(void *context, struct slice text)
{
    struct json **answer = context;
    *answer = json_parse_object(text, NULL, 0);
    return false;
}

struct json *ctl_ask_quietly(const struct ctl *ctl, struct json *request)
{
    size_t len;
    char *text = request ? json_print(request, &len) : NULL;
    struct json *answer = NULL;
    bool ok = false;
    json_free(request);
    if (text && control_call(ctl->socket_path, slice_make(text, len), ANSWER_TIMEOUT_MS, keep_line,
                             &answer) == GH_OK &&
        answer && json_bool(answer, "ok", &ok) && ok) {
        free(text);
        return answer;
    }
    free(text);
    json_free(answer);
    return NULL;
}

struct json *ctl_ask(const struct ctl *ctl, struct json *request, int *status)
{
    size_t len;
    char *text = request ? json_print(request, &len) : NULL;
    json_free(request);
    struct json *answer = NULL;
    enum gh_err err = GH_IO;
    if (text)
        err = control_call(ctl->socket_path, slice_make(text, len), ANSWER_TIMEOUT_MS, keep_line,
                           &answer);
    free(text);
    bool ok = false;
    if (err || !answer) {
        ctl_complain_unreachable(ctl, err);
        *status = CTL_UNREACHABLE;
    } else if (!json_bool(answer, "ok", &ok) || !ok) {
        struct slice why = slice_of("it gives no reason");
        json_text(answer, "error", &why);
        fprintf(stderr, "gatehousectl: gatehoused refused: %.*s\n", (int)why.len, why.ptr);
        *status = CTL_REFUSED;
    } else {
        return answer;
    }
    json_free(answer);
    return NULL;
}

int ctl_print_json(const struct json *answer)
{
    char *text = json_print(answer, NULL);
    if (!text) {
        fprintf(stderr, "gatehousectl: out of memory\n");
        return CTL_REFUSED;
    }
    puts(text);
    free(text);
    return CTL_DONE;
}

static struct json *page_request(const char *call, int64_t from)
{
    struct json *request = ctl_request(call);
    if (request && (from == 0 || json_set_int(request, "from", from)))
        return request;
    json_free(request);
    return NULL;
}

struct json *ctl_ask_list(const struct ctl *ctl, const char *call, int *status)
{
    struct json *all = NULL;
    for (int64_t from = 0, next = 0;; from = next) {
        struct json *page = ctl_ask(ctl, page_request(call, from), status);
        if (!page) {
            json_free(all);
            return NULL;
        }
        bool more = json_int(page, "next", &next) && next > from, good = true;
        if (!all) {
            all = json_new();
            good = all && json_set_bool(all, "ok", true) && json_set_empty_array(all, call);
        }
        for (size_t i = 0; good && i < json_array_len(page, call); i++)
            good = json_append(all, call, json_clone(json_array_at(page, call, i)));
        json_free(page);
        if (!good) {
            fprintf(stderr, "gatehousectl: out of memory\n");
            json_free(all);
            *status = CTL_REFUSED;
            return NULL;
        }
        if (!more)
            return all;
    }
}
