/*
 * Files, through libuv's thread pool: one request for each call, which owns its buffers. Reads take
 * regular files only (those of /proc and /sys are such), because anything else may block a thread
 * of the pool for ever.
 */
#include "core/base/buf.h"
#include "core/base/fileio.h"
#include "core/base/mem.h"
#include "lua/bindings.h"
#include "lua/fiber.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_MAX (1 << 20)
#define LIST_MAX 10000

enum file_kind {
	FILE_READ,
	FILE_WRITE,
	FILE_APPEND,
	FILE_EXISTS,
	FILE_STAT,
	FILE_LIST,
	FILE_REMOVE,
	FILE_RENAME
};

static const char *const names[] = {
    [FILE_READ] = "file.read",
    [FILE_WRITE] = "file.write",
    [FILE_APPEND] = "file.append",
    [FILE_EXISTS] = "file.exists",
    [FILE_STAT] = "file.stat",
    [FILE_LIST] = "file.list",
    [FILE_REMOVE] = "file.remove",
    [FILE_RENAME] = "file.rename",
};

struct request {
	uv_work_t work;
	struct fiber *fiber; /* NULL: nobody waits any more */
	bool done;
	enum file_kind kind;
	char *path;
	struct buf
	    data; /* in or out; of a list, the names, each with its NUL; of a rename, the new name */
	bool exists;
	struct stat stat; /* if it exists */
	int result;       /* -1: err */
	struct err err;
};

/* --- on a thread of the pool --- */

static int read_all(struct request *request, int fd)
{
	struct stat stat;
	if (fstat(fd, &stat) < 0)
		return err_sys(&request->err, errno, "%s", request->path);
	if (!S_ISREG(stat.st_mode))
		return err_set(&request->err, "%s: is not a regular file", request->path);
	for (;;) {
		ssize_t count = read(fd, buf_reserve(&request->data, 4096), 4096);
		if (count < 0 && errno != EINTR)
			return err_sys(&request->err, errno, "%s", request->path);
		if (count == 0)
			return 0;
		if (count > 0)
			request->data.len += (size_t)count;
		if (request->data.len > READ_MAX)
			return err_set(&request->err, "%s: is larger than 1MB", request->path);
	}
}

static int read_file(struct request *request)
{
	int fd = open(request->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(&request->err, errno, "%s", request->path);
	int result = read_all(request, fd);
	(void)close(fd);
	return result;
}

static int put(struct request *request, int flags)
{
	int fd = open(request->path, flags | O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(&request->err, errno, "%s", request->path);
	int result = fileio_write_all(fd, request->data.data, request->data.len);
	int error = errno;
	if (close(fd) < 0 && result == 0) {
		result = -1;
		error = errno;
	}
	return result < 0 ? err_sys(&request->err, error, "%s", request->path) : 0;
}

/* What the kernel shows as files takes a write as it is; a file is replaced as a whole. */
static bool is_kernels(const char *path)
{
	struct stat stat;
	return strncmp(path, "/sys/", 5) == 0 || strncmp(path, "/proc/", 6) == 0 ||
	       strncmp(path, "/dev/", 5) == 0 ||
	       (lstat(path, &stat) == 0 && !S_ISREG(stat.st_mode) && !S_ISLNK(stat.st_mode));
}

static int write_file(struct request *request)
{
	if (is_kernels(request->path))
		return put(request, 0);
	return fileio_replace(
	    request->path, request->data.data, request->data.len, 0644, &request->err);
}

static int append(struct request *request)
{
	return put(request, O_APPEND | O_CREAT);
}

static int look(struct request *request)
{
	request->exists = stat(request->path, &request->stat) == 0;
	if (request->exists || errno == ENOENT || errno == ENOTDIR)
		return 0;
	return err_sys(&request->err, errno, "%s", request->path);
}

static int list(struct request *request)
{
	struct dirent **found = NULL;
	int count = scandir(request->path, &found, NULL, alphasort);
	if (count < 0)
		return err_sys(&request->err, errno, "%s", request->path);
	int result = 0;
	if (count > LIST_MAX)
		result = err_set(
		    &request->err, "%s: has %d entries, more than %d", request->path, count, LIST_MAX);
	for (int i = 0; i < count; i++) {
		const char *name = found[i]->d_name;
		if (result == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			buf_add(&request->data, name, strlen(name) + 1);
		free(found[i]);
	}
	free(found);
	return result;
}

/* On disk as a whole, or not at all, also after a power cut. */
static int move(struct request *request)
{
	const char *to = buf_str(&request->data);
	int fd = open(request->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(&request->err, errno, "%s", request->path);
	(void)fsync(fd); /* what cannot be synced is no file of a disk */
	(void)close(fd);
	if (rename(request->path, to) < 0)
		return err_sys(&request->err, errno, "%s to %s", request->path, to);
	char *dir = mem_strdup(to);
	int result = fileio_sync_dir(dirname(dir));
	int error = errno;
	free(dir);
	return result < 0 ? err_sys(&request->err, error, "%s", to) : 0;
}

static int take_away(struct request *request)
{
	return remove(request->path) < 0 ? err_sys(&request->err, errno, "%s", request->path) : 0;
}

static void work(uv_work_t *uv)
{
	static int (*const works[])(struct request * request) = {
	    [FILE_READ] = read_file,
	    [FILE_WRITE] = write_file,
	    [FILE_APPEND] = append,
	    [FILE_EXISTS] = look,
	    [FILE_STAT] = look,
	    [FILE_LIST] = list,
	    [FILE_REMOVE] = take_away,
	    [FILE_RENAME] = move,
	};
	struct request *request = uv->data;
	request->result = works[request->kind](request);
}

/* --- on the loop --- */

static void free_request(struct request *request)
{
	buf_free(&request->data);
	free(request->path);
	free(request);
}

static void on_done(uv_work_t *uv, int status)
{
	struct request *request = uv->data;
	request->done = true;
	if (status < 0)
		request->result = err_set(&request->err, "%s: was cancelled", request->path);
	if (request->fiber)
		fiber_wake(request->fiber);
	else
		free_request(request);
}

static void push_stat(lua_State *L, const struct stat *stat)
{
	lua_createtable(L, 0, 3);
	lua_pushstring(L, S_ISREG(stat->st_mode)   ? "file"
	                  : S_ISDIR(stat->st_mode) ? "folder"
	                                           : "other");
	lua_setfield(L, -2, "kind");
	lua_pushinteger(L, stat->st_size);
	lua_setfield(L, -2, "size");
	int64_t ms = (int64_t)stat->st_mtim.tv_sec * 1000 + stat->st_mtim.tv_nsec / 1000000;
	lua_pushnumber(L, (lua_Number)ms / 1000);
	lua_setfield(L, -2, "time");
}

static void push_list(lua_State *L, const struct buf *list)
{
	lua_newtable(L);
	lua_Integer count = 0;
	for (size_t at = 0; at < list->len; at += strlen(list->data + at) + 1) {
		lua_pushstring(L, list->data + at);
		lua_rawseti(L, -2, ++count);
	}
}

static int finish(lua_State *L, void *ctx)
{
	struct request *request = ctx;
	if (request->result < 0) {
		err_prefix(&request->err, "%s: ", names[request->kind]);
		return script_raise(L, &request->err);
	}
	if (request->kind == FILE_READ)
		lua_pushlstring(L, request->data.data ? request->data.data : "", request->data.len);
	else if (request->kind == FILE_EXISTS)
		lua_pushboolean(L, request->exists);
	else if (request->kind == FILE_LIST)
		push_list(L, &request->data);
	else if (request->kind == FILE_STAT && request->exists)
		push_stat(L, &request->stat);
	else
		lua_pushnil(L);
	return 1;
}

static void release(void *ctx)
{
	struct request *request = ctx;
	request->fiber = NULL;
	if (request->done)
		free_request(request);
	else
		(void)uv_cancel((uv_req_t *)&request->work); /* if it has not begun */
}

static const struct wait_ops ops = {finish, release, true};

static int start(lua_State *L, enum file_kind kind)
{
	struct script *script = script_of(L);
	const char *path = luaL_checkstring(L, 1), *data = NULL;
	size_t len = 0;
	if (kind == FILE_WRITE || kind == FILE_APPEND || kind == FILE_RENAME)
		data = luaL_checklstring(L, 2, &len);
	if (data || kind == FILE_REMOVE)
		fiber_check_effect(L, names[kind]);
	else
		fiber_check_io(L, names[kind]);
	struct request *request = mem_alloc(sizeof *request);
	request->work.data = request;
	request->fiber = script->current;
	request->kind = kind;
	request->path = mem_strdup(path);
	buf_add(&request->data, data, len);
	must(uv_queue_work(script->host->services.loop, &request->work, work, on_done) == 0);
	return fiber_wait(L, &ops, request);
}

static int file_read(lua_State *L)
{
	return start(L, FILE_READ);
}

static int file_write(lua_State *L)
{
	return start(L, FILE_WRITE);
}

static int file_append(lua_State *L)
{
	return start(L, FILE_APPEND);
}

static int file_exists(lua_State *L)
{
	return start(L, FILE_EXISTS);
}

static int file_stat(lua_State *L)
{
	return start(L, FILE_STAT);
}

static int file_list(lua_State *L)
{
	return start(L, FILE_LIST);
}

static int file_remove(lua_State *L)
{
	return start(L, FILE_REMOVE);
}

static int file_rename(lua_State *L)
{
	return start(L, FILE_RENAME);
}

static const luaL_Reg functions[] = {
    {"read", file_read},
    {"write", file_write},
    {"append", file_append},
    {"exists", file_exists},
    {"stat", file_stat},
    {"list", file_list},
    {"remove", file_remove},
    {"rename", file_rename},
    {NULL, NULL},
};

void bind_file(lua_State *L)
{
	luaL_newlib(L, functions);
	lua_setfield(L, -2, "file");
}
