local core, import = ...
local check = import("check")

local events = {
	start = true, stop = true, connected = true, disconnected = true, clock = true, reload = true,
	full = true,
}

return function(event, run)
	check.argument("on", 1, event, "string")
	check.argument("on", 2, run, "function")
	if not events[event] then
		core.fail('on: there is no event "%s"%s', event, check.meant(event, events))
	end
	core.on(event, run)
end
