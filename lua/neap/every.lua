-- every(period, [name,] run)
local core, import = ...
local check = import("check")
local period = import("period")

return function(duration, name, run)
	if run == nil then
		name, run = nil, name
	else
		check.argument("every", 2, name, "string")
	end
	local what = name and ('every "%s"'):format(name) or ("every at %s"):format(core.where())
	if type(run) ~= "function" then
		core.fail("%s: its last argument must be a function", what)
	end
	period.ticker(what, duration, false, run)
end
