local core, import = ...
local check = import("check")

return function(duration)
	local ms = core.duration(duration)
	if not ms then
		check.duration("sleep: the time", duration)
	end
	core.sleep(ms)
end
