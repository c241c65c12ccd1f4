#include "core/agent/control.h"
#include "core/base/fileio.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A control socket with a loop on a thread of its own; the tests are its clients. */
struct fixture {
	char folder[64];
	char path[96];
	uv_loop_t loop;
	uv_async_t stop;
	uv_thread_t thread;
	uv_sem_t ready;
	struct control *control;
	uv_timer_t later;
	struct control_answer *owed;
	struct control_stream *stream;
};

static void answer_now(struct control_answer *owed)
{
	struct buf result = {0};

	buf_text(&result, "\"at last\"");
	control_answer(owed, &result, NULL);
	buf_free(&result);
}

static void on_later(uv_timer_t *timer)
{
	struct fixture *fixture = timer->data;

	answer_now(fixture->owed);
	fixture->owed = NULL;
}

/* {"wait":true}: answered by the timer; false: put off, and answered before the handler returns. */
static int put_off(struct fixture *fixture, bool wait)
{
	struct control_answer *owed = control_defer(fixture->control);

	if (wait && !fixture->owed) {
		fixture->owed = owed;
		uv_timer_start(&fixture->later, on_later, 100, 0);
	} else {
		answer_now(owed);
	}
	return 0;
}

static void on_over(void *ctx)
{
	struct fixture *fixture = ctx;

	fixture->stream = NULL;
}

/* So many events of a kilobyte each: ["....", NUMBER]; the result is whether somebody listens. */
static int send_events(const struct fixture *fixture, int64_t count, struct buf *result)
{
	for (int64_t i = 0; fixture->stream && i < count; i++) {
		struct buf event = {0};

		buf_printf(&event, "[\"%01000d\",%lld]", 0, (long long)i);
		control_send(fixture->stream, &event);
		buf_free(&event);
	}
	buf_text(result, fixture->stream ? "true" : "false");
	return 0;
}

static int echo(void *ctx, const struct json *request, struct buf *result, struct err *err)
{
	const struct json *say = json_member(request, "say");
	const struct json *wait = json_member(request, "wait");
	const struct json *send = json_member(request, "send");
	struct fixture *fixture = ctx;

	if (send)
		return send_events(ctx, send->integer, result);
	if (json_member(request, "stream")) {
		fixture->stream = control_stream(fixture->control, on_over, fixture);
		return 0;
	}

	if (wait)
		return put_off(ctx, wait->boolean);
	if (!say || say->kind != JSON_STRING)
		return err_set(err, "say what?");
	json_add_string(result, say->string.data, say->string.len);
	return 0;
}

static void on_stop(uv_async_t *async)
{
	struct fixture *fixture = async->data;

	control_free(fixture->control);
	uv_timer_stop(&fixture->later);
	if (fixture->owed)
		answer_now(fixture->owed); /* to nobody */
	uv_close((uv_handle_t *)&fixture->later, NULL);
	uv_close((uv_handle_t *)async, NULL);
}

static void serve(void *arg)
{
	struct fixture *fixture = arg;
	struct err err = {0};

	uv_loop_init(&fixture->loop);
	fixture->control = control_new(&fixture->loop, fixture->path, echo, fixture, &err);
	uv_timer_init(&fixture->loop, &fixture->later);
	fixture->later.data = fixture;
	uv_async_init(&fixture->loop, &fixture->stop, on_stop);
	fixture->stop.data = fixture;
	uv_sem_post(&fixture->ready);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	uv_loop_close(&fixture->loop);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	*state = fixture;
	strcpy(fixture->folder, "/tmp/neap-control-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->path, sizeof(fixture->path), "%s/s", fixture->folder);
	uv_sem_init(&fixture->ready, 0);
	uv_thread_create(&fixture->thread, serve, fixture);
	uv_sem_wait(&fixture->ready);
	return fixture->control ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	struct stat info;
	int gone;

	uv_async_send(&fixture->stop);
	uv_thread_join(&fixture->thread);
	uv_sem_destroy(&fixture->ready);
	gone = stat(fixture->path, &info); /* the socket goes with the server */
	rmdir(fixture->folder);
	free(fixture);
	return gone == 0 ? -1 : 0;
}

static int dial(const struct fixture *fixture)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, fixture->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void call(
    const struct fixture *fixture, const char *request, const char *answer, const char *error)
{
	struct buf result = {0};
	struct err err = {0};
	int rc = control_call(fixture->path, request, 20000, &result, &err);

	if (answer) {
		assert_int_equal(rc, 0);
		assert_string_equal(buf_str(&result), answer);
	} else {
		assert_int_equal(rc, -1);
		assert_string_equal(err.text, error);
	}
	buf_free(&result);
}

static void requests_are_answered_or_refused(void **state)
{
	call(*state, "{\"v\":1,\"say\":\"two\\nlines\"}", "\"two\\nlines\"", NULL);
	call(*state, "{\"v\":1}", NULL, "say what?");
	call(*state, "{\"v\":2,\"say\":\"x\"}", NULL,
	    "the request's version \"v\" must be 1: this is neap " NEAP_VERSION);
	call(*state, "{\"v\":1} x", NULL, "byte 8: something follows the request");
}

static void only_the_owner_may_speak(void **state)
{
	const struct fixture *fixture = *state;
	struct stat info;

	assert_int_equal(stat(fixture->path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
}

static void clients_that_stop_or_lie_hold_nobody_up(void **state)
{
	const struct fixture *fixture = *state;
	static const unsigned char half[] = {0, 0, 0, 100, '{', '"'};
	static const unsigned char huge[] = {0xff, 0xff, 0xff, 0xff, 'x'};
	int fds[40];
	char byte;

	for (size_t i = 0; i < 40; i++) {
		fds[i] = dial(fixture);
		assert_int_equal(fileio_write_all(fds[i], half, sizeof(half)), 0);
	}
	int liar = dial(fixture);
	assert_int_equal(fileio_write_all(liar, huge, sizeof(huge)), 0);
	assert_int_equal(read(liar, &byte, 1), 0); /* hung up on */
	call(fixture, "{\"v\":1,\"say\":\"still here\"}", "\"still here\"", NULL);
	for (size_t i = 0; i < 40; i++)
		close(fds[i]);
	close(liar);
}

static void requests_in_one_write_are_answered_in_order(void **state)
{
	static const char requests[] =
	    "\0\0\0\x13{\"v\":1,\"say\":\"one\"}\0\0\0\x13{\"v\":1,\"say\":\"two\"}";
	static const char first[] = "{\"v\":1,\"ok\":true,\"result\":\"one\"}";
	char answers[2 * (4 + sizeof(first) - 1)];
	int fd = dial(*state);

	assert_int_equal(fileio_write_all(fd, requests, sizeof(requests) - 1), 0);
	assert_int_equal(recv(fd, answers, sizeof(answers), MSG_WAITALL), sizeof(answers));
	assert_memory_equal(answers + 4, first, sizeof(first) - 1);
	assert_memory_equal(answers + sizeof(answers) - 6, "\"two\"}", 6);
	close(fd);
}

static void an_answer_may_come_later(void **state)
{
	call(*state, "{\"v\":1,\"wait\":true}", "\"at last\"", NULL);
	call(*state, "{\"v\":1,\"wait\":false}", "\"at last\"", NULL);
}

static void requests_wait_for_an_answer_that_is_owed(void **state)
{
	static const char requests[] =
	    "\0\0\0\x13{\"v\":1,\"wait\":true}\0\0\0\x13{\"v\":1,\"say\":\"two\"}";
	static const char first[] = "{\"v\":1,\"ok\":true,\"result\":\"at last\"}";
	static const char second[] = "{\"v\":1,\"ok\":true,\"result\":\"two\"}";
	char answers[8 + sizeof(first) - 1 + sizeof(second) - 1];
	int fd = dial(*state);

	assert_int_equal(fileio_write_all(fd, requests, sizeof(requests) - 1), 0);
	assert_int_equal(recv(fd, answers, sizeof(answers), MSG_WAITALL), sizeof(answers));
	assert_memory_equal(answers + 4, first, sizeof(first) - 1);
	assert_memory_equal(answers + 8 + sizeof(first) - 1, second, sizeof(second) - 1);
	close(fd);
}

static void a_client_may_go_before_its_answer(void **state)
{
	static const char request[] = "\0\0\0\x13{\"v\":1,\"wait\":true}";
	int fd = dial(*state);

	assert_int_equal(fileio_write_all(fd, request, sizeof(request) - 1), 0);
	close(fd);
	/* a second one, which is answered while the first is still owed or just gone */
	call(*state, "{\"v\":1,\"say\":\"still here\"}", "\"still here\"", NULL);
	call(*state, "{\"v\":1,\"wait\":false}", "\"at last\"", NULL);
}

static void the_socket_may_go_before_its_answers(void **state)
{
	static const char request[] = "\0\0\0\x13{\"v\":1,\"wait\":true}";
	int fd = dial(*state);

	assert_int_equal(fileio_write_all(fd, request, sizeof(request) - 1), 0);
	call(*state, "{\"v\":1,\"say\":\"x\"}", "\"x\"", NULL); /* the tear-down comes right after */
	close(fd);
}

/* --- streams --- */

/* The next message, parsed; NULL: hung up. */
static struct json_doc *next_message(int fd)
{
	unsigned char head[4];
	char text[2000];
	size_t pos = 0;

	if (recv(fd, head, sizeof(head), MSG_WAITALL) != sizeof(head))
		return NULL;
	size_t len = (size_t)head[2] << 8 | head[3];

	assert_true(len < sizeof(text));
	assert_int_equal(recv(fd, text, len, MSG_WAITALL), len);
	struct json_doc *doc = json_parse(text, len, &pos, 100, NULL);

	assert_non_null(doc);
	return doc;
}

static int begin_stream(const struct fixture *fixture)
{
	static const char request[] = "\0\0\0\x12{\"v\":1,\"stream\":1}";
	int fd = dial(fixture);
	struct json_doc *answer;

	assert_int_equal(fileio_write_all(fd, request, sizeof(request) - 1), 0);
	answer = next_message(fd);
	assert_true(json_member(json_root(answer), "ok")->boolean);
	json_free(answer);
	return fd;
}

static void a_stream_tells_in_order_and_what_it_left_out(void **state)
{
	int fd = begin_stream(*state);
	int64_t seen = 0, dropped = 0;

	call(*state, "{\"v\":1,\"send\":2000}", "true", NULL); /* nobody reads meanwhile */
	while (dropped == 0) {
		struct json_doc *doc = next_message(fd);
		const struct json *event = json_member(json_root(doc), "event");

		if (event)
			assert_int_equal(event->child->next->integer, seen++);
		else
			dropped = json_member(json_root(doc), "dropped")->integer;
		json_free(doc);
	}
	assert_true(seen >= 60 && seen < 1000);
	assert_int_equal(seen + dropped, 2000);
	call(*state, "{\"v\":1,\"send\":1}", "true", NULL);
	struct json_doc *doc = next_message(fd);

	assert_non_null(json_member(json_root(doc), "event")); /* and goes on */
	json_free(doc);
	close(fd);
}

static void a_stream_ends_with_its_client(void **state)
{
	char byte;
	int fd = begin_stream(*state);
	struct buf result = {0};

	close(fd);
	for (int i = 0; i < 1000 && strcmp(buf_str(&result), "false") != 0; i++) {
		result.len = 0;
		assert_int_equal(control_call(((struct fixture *)*state)->path, "{\"v\":1,\"send\":1}",
		                     20000, &result, NULL),
		    0);
	}
	assert_string_equal(buf_str(&result), "false");
	buf_free(&result);
	fd = begin_stream(*state); /* who has one has nothing more to say */
	assert_int_equal(fileio_write_all(fd, "x", 1), 0);
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
}

/* --- bounds --- */

static void all_clients_together_are_bounded(void **state)
{
	static char megabyte[1000000];
	const unsigned char head[4] = {0, 0x0f, 0x50, 0};
	int fds[10], gone = 0;
	char byte;

	for (size_t i = 0; i < 10; i++) {
		fds[i] = dial(*state);
		(void)send(fds[i], head, sizeof(head), MSG_NOSIGNAL);
		for (size_t done = 0; done < sizeof(megabyte);) {
			ssize_t sent = send(fds[i], megabyte + done, sizeof(megabyte) - done, MSG_NOSIGNAL);

			if (sent <= 0)
				break;
			done += (size_t)sent;
		}
	}
	call(*state, "{\"v\":1,\"say\":\"still here\"}", "\"still here\"", NULL);
	for (size_t i = 0; i < 10; i++) {
		ssize_t got = recv(fds[i], &byte, 1, MSG_DONTWAIT);

		gone += got == 0 || (got < 0 && errno == ECONNRESET);
		close(fds[i]);
	}
	assert_true(gone >= 5);
}

static void the_silent_make_room(void **state)
{
	int fds[100];

	for (size_t i = 0; i < 100; i++)
		fds[i] = dial(*state);
	call(*state, "{\"v\":1,\"say\":\"still here\"}", "\"still here\"", NULL);
	for (size_t i = 0; i < 100; i++)
		close(fds[i]);
}

/* Binds and goes, as a process that was killed. */
static void leave_behind(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
}

static void a_place_is_taken_only_from_the_dead(void **state)
{
	const struct fixture *fixture = *state;
	char path[96], text[160];
	struct err err = {0};
	uv_loop_t loop;

	uv_loop_init(&loop);
	assert_null(control_new(&loop, fixture->path, echo, NULL, &err));
	snprintf(text, sizeof(text),
	    "control.socket %s: another agent answers there: give each its own", fixture->path);
	assert_string_equal(err.text, text);
	call(*state, "{\"v\":1,\"say\":\"still here\"}", "\"still here\"", NULL);

	snprintf(path, sizeof(path), "%s/other", fixture->folder);
	assert_int_equal(fileio_replace(path, "kept", 4, 0600, NULL), 0);
	assert_null(control_new(&loop, path, echo, NULL, &err));
	assert_non_null(strstr(err.text, ": there is a file that is no socket"));
	assert_int_equal(unlink(path), 0);

	leave_behind(path);
	struct control *control = control_new(&loop, path, echo, NULL, &err);
	assert_non_null(control);
	control_free(control);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void nobody_there_is_said_so(void **state)
{
	struct buf result = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(control_call("/nonexistent/neap.sock", "{}", 1000, &result, &err), -1);
	assert_string_equal(err.text, "no agent is running here: nothing answers at "
	                              "/nonexistent/neap.sock (start it with `neap run`)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(requests_are_answered_or_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(only_the_owner_may_speak, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(clients_that_stop_or_lie_hold_nobody_up, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
	        requests_in_one_write_are_answered_in_order, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(an_answer_may_come_later, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
	        requests_wait_for_an_answer_that_is_owed, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_client_may_go_before_its_answer, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_socket_may_go_before_its_answers, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_place_is_taken_only_from_the_dead, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
	        a_stream_tells_in_order_and_what_it_left_out, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_stream_ends_with_its_client, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(all_clients_together_are_bounded, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_silent_make_room, set_up, tear_down),
	    cmocka_unit_test(nobody_there_is_said_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
