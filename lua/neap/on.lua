local core, import = ...
local check = import("check")

return function(event, run)
	check.argument("on", 1, event, "string")
	check.argument("on", 2, run, "function")
	if not core.events[event] then
		core.fail('on: there is no event "%s"%s', event, check.meant(event, core.events))
	end
	core.on(event, run)
end
