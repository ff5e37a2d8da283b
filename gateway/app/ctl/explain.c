/* explain: why a read would be decided as it would, check by check. */
#include <stdio.h>
#include <string.h>

#include "adapters/crypto/crypto.h"
#include "app/ctl/ctl.h"

/* The value, from standard input: on the command line others could read it. */
static bool read_value(char *out, size_t size)
{
    if (!fgets(out, (int)size, stdin))
        return false;
    out[strcspn(out, "\r\n")] = '\0';
    return out[0] != '\0';
}

static struct json *request_of(const struct ctl *ctl, const char *value)
{
    struct json *request = ctl_request("explain");
    if (request && json_set_text(request, "reader", slice_of(ctl->reader)) &&
        json_set_text(request, "type", slice_of(ctl->type)) &&
        json_set_text(request, "value", slice_of(value)) &&
        (!ctl->at || json_set_text(request, "at", slice_of(ctl->at))))
        return request;
    json_free(request);
    return NULL;
}

static struct slice text(const struct json *v, const char *name)
{
    struct slice s = slice_of("-");
    if (v)
        json_text(v, name, &s);
    return s;
}

static void print_line(const char *label, struct slice s)
{
    printf("%-11s %.*s\n", label, (int)s.len, s.ptr);
}

static void print_list(const struct json *a, const char *name, const char *title,
                       const char *first, const char *second)
{
    size_t n = json_array_len(a, name);
    if (n == 0)
        return;
    printf("\n%s\n", title);
    for (size_t i = 0; i < n; i++) {
        const struct json *line = json_array_at(a, name, i);
        struct slice one = text(line, first), result = text(line, "result");
        struct slice two = second ? text(line, second) : slice_of("");
        printf("  %-4s %.*s%s%.*s%s%.*s\n", slice_is(result, "ok") ? "ok" : "no", (int)one.len,
               one.ptr, second ? " " : "", (int)two.len, two.ptr,
               slice_is(result, "ok") ? "" : ": ", slice_is(result, "ok") ? 0 : (int)result.len,
               result.ptr);
    }
}

int ctl_explain(const struct ctl *ctl)
{
    char value[CREDENTIAL_VALUE_MAX + 2];
    int status;
    if (!read_value(value, sizeof value)) {
        fprintf(stderr, "gatehousectl: explain reads the %s's value from standard input, and there "
                        "was none\n", ctl->type);
        return CTL_USAGE;
    }
    struct json *a = ctl_ask(ctl, request_of(ctl, value), &status);
    crypto_forget(value, sizeof value);
    if (!a)
        return status;
    status = CTL_DONE;
    if (ctl->json) {
        status = ctl_print_json(a);
    } else {
        const struct json *via = json_child(a, "via");
        print_line("decision", text(a, "decision"));
        print_line("reason", text(a, "reason"));
        print_line("door", text(a, "door"));
        print_line("mode", text(a, "mode"));
        print_line("person", text(a, "person"));
        print_line("credential", text(a, "credential"));
        if (via)
            printf("%-11s %.*s %.*s\n", "via", (int)text(via, "kind").len, text(via, "kind").ptr,
                   (int)text(via, "id").len, text(via, "id").ptr);
        print_list(a, "checks", "checks, in their order; the first that says no is the reason",
                   "check", NULL);
        print_list(a, "paths", "paths that were looked at", "kind", "id");
    }
    json_free(a);
    return status;
}
