#include "core/control.h"
#include "core/fileio.h"

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

static int echo(void *ctx, const struct json *request, struct buf *result, struct err *err)
{
	const struct json *say = json_member(request, "say");
	const struct json *wait = json_member(request, "wait");

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
	    cmocka_unit_test(nobody_there_is_said_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
