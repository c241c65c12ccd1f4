-- Calls of a script's functions that may fail or take too long.
local core = ...

local function restore(deadline, limit, ...)
	core.unlimit(deadline, limit)
	return ...
end

-- pcall with a limit in ms (0: none) on the time; the traceback goes to the debug log.
return function(limit, run, ...)
	local deadline, before = core.limit(limit)
	return restore(deadline, before, xpcall(run, core.traceback, ...))
end
