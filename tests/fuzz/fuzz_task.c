/* The task decoder with any bytes: what it gives keeps the promises of task.h. */
#include <stdint.h>
#include <string.h>

#include "core/base/sample.h"
#include "core/task/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool answered(const struct task_list *list, size_t task, const char *uid)
{
	for (size_t i = 0; i < task; i++)
		if (!strcmp(list->tasks[i].uid, uid))
			return true;
	for (size_t i = 0; i < list->refused; i++)
		if (list->refusals[i].uid && !strcmp(list->refusals[i].uid, uid))
			return true;
	return false;
}

static void check(const struct task_list *list, size_t size)
{
	must(list->count + list->refused <= TASK_MAX + 1);
	must(list->count || list->refused);
	for (size_t i = 0; i < list->count; i++) {
		const struct task *task = &list->tasks[i];
		must(task->offset < size && *task->uid && strlen(task->uid) <= TASK_UID_MAX);
		must(!answered(list, i, task->uid));
		must((task->count > 0) == (task->kind == TASK_READ || task->kind == TASK_WRITE));
		must((task->id != NULL) == (task->kind == TASK_COMMAND));
		must((task->url != NULL) == (task->kind == TASK_SWINSTALL));
		for (size_t k = 0; k < task->count; k++) {
			size_t len = strlen(task->items[k].path);
			must(len > 0 && len <= PATH_MAX_BYTES);
			must((task->items[k].value != NULL) == (task->kind == TASK_WRITE));
		}
	}
	for (size_t i = 0; i < list->refused; i++)
		must(list->refusals[i].offset <= size && *list->refusals[i].text);
	must(!list->mended || (!list->refused && list->mended_offset < size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct task_list strict, mending;
	task_decode((const char *)data, size, true, 65536, &strict);
	task_decode((const char *)data, size, false, 65536, &mending);
	check(&strict, size);
	check(&mending, size);
	must(!strict.mended);
	must(mending.mended || mending.count == strict.count);
	must(mending.count >= strict.count);
	task_list_free(&strict);
	task_list_free(&mending);
	return 0;
}
