/* HTTPS calls against real TLS: whom we talk to at all. */
#include "https_fixture.h"

/* --- certificates --------------------------------------------------------- */

static void expect_refused(const char *cert, const char *tls_option, const char *host)
{
    const struct reply reply = {.bytes = OK_HEAD "Content-Length: 5\r\n\r\nhello"};
    struct https_request request = get("/x");
    struct https_response r;
    serve(cert, tls_option, &reply, 1);
    open_client(host);
    assert_int_equal(call(&request, &r), HTTPS_REFUSED);
    assert_int_equal(r.status, 0);
    assert_int_equal(heard.pieces, 0);
    end_server();
    assert_int_equal(server.requests_len, 0); /* and the token stayed here */
}

static void an_expired_certificate_is_refused(void **state)
{
    (void)state;
    expect_refused("expired", "-tls1_2", "127.0.0.1");
}

static void a_certificate_of_another_name_is_refused(void **state)
{
    (void)state;
    expect_refused("other-name", "-tls1_2", "127.0.0.1");
}

static void a_certificate_of_another_ca_is_refused(void **state)
{
    (void)state;
    expect_refused("stranger", "-tls1_2", "127.0.0.1");
}

static void a_certificate_that_signed_itself_is_refused(void **state)
{
    (void)state;
    expect_refused("other-ca", "-tls1_2", "127.0.0.1");
}

static void tls_before_1_2_is_refused(void **state)
{
    (void)state;
    expect_refused("good", "-tls1_1", "127.0.0.1");
}

static void a_ca_that_is_given_as_bytes_is_believed_and_no_other(void **state)
{
    static const char *const bad[] = {"expired", "other-name", "stranger", "other-ca"};
    struct https_request request = get("/x");
    struct https_response r;
    ca_as_bytes = true;
    serve_one(OK_HEAD "Content-Length: 5\r\n\r\nhello");
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    expect_heard("hello");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        end(state);
        ca_as_bytes = true;
        expect_refused(bad[i], "-tls1_2", "127.0.0.1");
    }
}

/* --- whom we say to be ---------------------------------------------------- */

static void use(const char *name)
{
    char file[80], path[FOLDER_PATH_MAX];
    snprintf(file, sizeof file, "%s.pem", name);
    assert_true(folder_file(&folder, file, path));
    char *certificate = folder_read(path, NULL);
    snprintf(file, sizeof file, "%s.key", name);
    assert_true(folder_file(&folder, file, path));
    char *key = folder_read(path, NULL);
    assert_true(certificate && key);
    assert_int_equal(https_use_certificate(https, slice_of(certificate), slice_of(key)), GH_OK);
    free(certificate);
    free(key);
}

static void a_certificate_that_was_changed_is_shown_from_the_next_call_on(void **state)
{
    (void)state;
    const struct reply replies[] = {{.bytes = OK_HEAD "Content-Length: 3\r\n\r\none"},
                                    {.bytes = OK_HEAD "Content-Length: 3\r\n\r\ntwo"}};
    struct https_request request = get("/x");
    struct https_response r;
    client_ca = "client-ca.pem";
    serve("good", "-tls1_2", replies, 2);
    open_client("127.0.0.1");
    assert_int_not_equal(call(&request, &r), HTTPS_DONE); /* none is shown */
    use("client");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    expect_heard("one");
    /* The connection that is open is not used on under another name. */
    use("stranger");
    assert_int_not_equal(call(&request, &r), HTTPS_DONE);
    assert_int_equal(heard.pieces, 0);
    use("client");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    expect_heard("two");
}

static void a_certificate_that_does_not_fit_its_key_goes_nowhere(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    char path[FOLDER_PATH_MAX];
    assert_true(folder_file(&folder, "client.pem", path));
    char *certificate = folder_read(path, NULL);
    assert_true(folder_file(&folder, "good.key", path));
    char *key = folder_read(path, NULL);
    serve_one(OK_HEAD "Content-Length: 5\r\n\r\nhello");
    open_client("127.0.0.1");
    assert_int_equal(https_use_certificate(https, slice_of(certificate), slice_of(key)), GH_OK);
    assert_int_equal(call(&request, &r), HTTPS_REFUSED);
    free(certificate);
    free(key);
}

static void whoever_answers_is_heard_only_by_who_has_nothing_to_lose(void **state)
{
    (void)state;
    char url[64], why[200], path[FOLDER_PATH_MAX];
    struct https_request request = get("/x");
    struct https_response r;
    const struct reply reply = {.bytes = OK_HEAD "Content-Length: 5\r\n\r\nhello"};
    serve("stranger", "-tls1_2", &reply, 1);
    snprintf(url, sizeof url, "https://127.0.0.1:%d", server.port);
    assert_true(folder_file(&folder, "ca.pem", path));
    const struct https_options bad[] = {
        {.base_url = url},
        {.base_url = url, .anyone = true, .token = TOKEN},
        {.base_url = url, .anyone = true, .ca_file = path},
        {.base_url = url, .anyone = true, .ca_pem = slice_of("x")},
        {.base_url = url, .anyone = true, .cert_file = path, .key_file = path},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(https_open(&https, &bad[i], why, sizeof why), GH_INVALID);
    assert_int_equal(https_open(&https, &(struct https_options){.base_url = url, .anyone = true}, why,
                                sizeof why), GH_OK);
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    expect_heard("hello");
    end_server();
    assert_null(strstr(server.requests, "Authorization"));
}

/* --- no server, no TLS ---------------------------------------------------- */

static void a_port_where_nobody_listens_is_refused(void **state)
{
    (void)state;
    struct https_request request = get("/x");
    struct https_response r;
    server.port = port_free();
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_REFUSED);
}

static void a_server_that_takes_the_connection_and_says_nothing_is_refused(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    server.port = ntohs(address.sin_port);
    for (int i = 0; i < 2; i++) {
        struct https_request request = get("/x");
        struct https_response r;
        /* Whichever of the two limits ends it. */
        *(i ? &request.connect_timeout_ms : &request.idle_timeout_ms) = 300;
        open_client("127.0.0.1");
        assert_int_equal(call(&request, &r), HTTPS_REFUSED);
        https_close(https);
        https = NULL;
    }
    close(fd);
}

static void plain_http_is_refused_before_anything_is_sent(void **state)
{
    (void)state;
    char why[200] = "";
    assert_int_equal(open_url("http://127.0.0.1:1", "ca.pem", TOKEN, why), GH_INVALID);
    assert_non_null(strstr(why, "https://"));
    assert_null(https);
}

static void a_missing_ca_or_a_token_with_a_line_break_opens_nothing(void **state)
{
    (void)state;
    char why[200] = "";
    assert_int_equal(open_url("https://127.0.0.1:1", "no-such.pem", TOKEN, why), GH_INVALID);
    assert_non_null(strstr(why, "no-such.pem"));
    assert_int_equal(open_url("https://127.0.0.1:1", "ca.pem", "a\r\nX-Evil: 1", why), GH_INVALID);
    assert_null(strstr(why, "Evil"));
    assert_null(https);
}

static void a_redirect_is_an_answer_and_never_followed(void **state)
{
    (void)state;
    char reply[200];
    const struct reply replies[] = {{.bytes = reply},
                                    {.bytes = OK_HEAD "Content-Length: 5\r\n\r\nhello"}};
    struct https_request request = get("/x");
    struct https_response r;
    server.next_port = port_free();
    snprintf(reply, sizeof reply, "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:%d/y\r\n"
                                  "Content-Length: 0\r\n\r\n", server.next_port);
    serve("good", "-tls1_2", replies, 2);
    open_client("127.0.0.1");
    assert_int_equal(call(&request, &r), HTTPS_DONE);
    assert_int_equal(r.status, 302);
    end_server();
    assert_null(strstr(server.requests, "/y"));
}

static void a_proxy_in_the_environment_has_no_say(void **state)
{
    (void)state;
    struct https_response r;
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    enum https_outcome outcome = get_once(OK_HEAD "Content-Length: 5\r\n\r\nhello", &r);
    unsetenv("https_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(outcome, HTTPS_DONE);
    expect_heard("hello");
}

#define T(f) cmocka_unit_test_teardown(f, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_expired_certificate_is_refused),
        T(a_certificate_of_another_name_is_refused),
        T(a_certificate_of_another_ca_is_refused),
        T(a_certificate_that_signed_itself_is_refused),
        T(tls_before_1_2_is_refused),
        T(a_ca_that_is_given_as_bytes_is_believed_and_no_other),
        T(a_certificate_that_was_changed_is_shown_from_the_next_call_on),
        T(a_certificate_that_does_not_fit_its_key_goes_nowhere),
        T(whoever_answers_is_heard_only_by_who_has_nothing_to_lose),
        T(a_port_where_nobody_listens_is_refused),
        T(a_server_that_takes_the_connection_and_says_nothing_is_refused),
        T(plain_http_is_refused_before_anything_is_sent),
        T(a_missing_ca_or_a_token_with_a_line_break_opens_nothing),
        T(a_redirect_is_an_answer_and_never_followed),
        T(a_proxy_in_the_environment_has_no_say),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
