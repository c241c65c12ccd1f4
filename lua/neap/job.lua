-- Tasks: which function reads, writes or runs what a handle stands for.
local core = ...

-- handle -> { read = function(job), write = function(job, value) } or
-- { command = function(job, params) }; each answers with core.done(job, ok, value, why) in the end.
local handlers = {}

core.dispatcher(function(job, handle, kind, value)
	handlers[handle][kind](job, value)
end)

return handlers
