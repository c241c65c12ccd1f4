#include "lua/watch.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "lua/reload.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS 1000

/* One folder. Freed by its close callback. */
struct folder {
	uv_fs_event_t uv;
	struct watch *watch;
	char *path;
	struct folder *next;
};

struct watch {
	struct host *host;
	struct timer quiet;
	struct folder *folders;
};

static void on_event(uv_fs_event_t *uv, const char *file, int events, int status)
{
	const struct folder *folder = uv->data;
	struct host *host = folder->watch->host;
	(void)file;
	(void)events;
	(void)status; /* a folder that went away is a change, too */
	scheduler_add(
	    host->scheduler, &folder->watch->quiet, clock_mono_ms(host->services.clock) + QUIET_MS);
}

static void on_closed(uv_handle_t *handle)
{
	struct folder *folder = handle->data;
	free(folder->path);
	free(folder);
}

static bool add(struct watch *watch, const char *path)
{
	struct folder *folder = mem_alloc(sizeof *folder);
	folder->watch = watch;
	folder->path = mem_strdup(path);
	folder->uv.data = folder;
	must(uv_fs_event_init(watch->host->services.loop, &folder->uv) == 0);
	int result = uv_fs_event_start(&folder->uv, on_event, path, 0);
	if (result < 0 && result != UV_ENOENT)
		log_warn("scripts", "%s cannot be watched: %s", path, uv_strerror(result));
	if (result < 0) {
		uv_close((uv_handle_t *)&folder->uv, on_closed);
		return false;
	}
	folder->next = watch->folders;
	watch->folders = folder;
	return true;
}

/* With the folders in it. */
static void add_tree(struct watch *watch, const char *path, int depth)
{
	struct dirent **list = NULL;
	int count = add(watch, path) && depth > 0 ? scandir(path, &list, NULL, NULL) : 0;
	for (int i = 0; i < count; i++) {
		if (list[i]->d_name[0] != '.' && list[i]->d_type == DT_DIR) {
			struct buf inner = {0};
			buf_printf(&inner, "%s/%s", path, list[i]->d_name);
			add_tree(watch, buf_str(&inner), depth - 1);
			buf_free(&inner);
		}
		free(list[i]);
	}
	free(list);
}

static void add_all(struct watch *watch)
{
	const char *dir = watch->host->services.config->scripts.dir;
	struct buf lib = {0};
	buf_printf(&lib, "%s/lib", dir);
	(void)add(watch, dir);
	add_tree(watch, buf_str(&lib), 8);
	buf_free(&lib);
}

static void remove_all(struct watch *watch)
{
	while (watch->folders) {
		struct folder *folder = watch->folders;
		watch->folders = folder->next;
		uv_close((uv_handle_t *)&folder->uv, on_closed);
	}
}

static void on_quiet(struct timer *timer)
{
	struct watch *watch = (struct watch *)(void *)((char *)timer - offsetof(struct watch, quiet));
	struct host *host = watch->host;
	if (host->reload) {
		scheduler_add(host->scheduler, timer, clock_mono_ms(host->services.clock) + QUIET_MS);
		return;
	}
	remove_all(watch); /* folders come and go */
	add_all(watch);
	if (!host->stop.asked)
		reload_changed(host);
}

struct watch *watch_new(struct host *host)
{
	struct watch *watch = mem_alloc(sizeof *watch);
	watch->host = host;
	watch->quiet.fire = on_quiet;
	add_all(watch);
	return watch;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	scheduler_cancel(watch->host->scheduler, &watch->quiet);
	remove_all(watch);
	free(watch);
}
