-- on(event, run); on("install", run[, {timeout=}]): what a task to install software starts.
local core, import = ...
local check = import("check")
local handlers = import("job")
local refusal = import("refusal")

local kinds = check.kinds("neap.install_options", { timeout = "duration = 30m" })

local function install(run, options)
	local timeout = check.fields('on "install"', options, kinds).timeout
	handlers[core.installer()] = {
		install = function(job, software)
			local _ <close> = job
			local why = refusal(core.guarded(timeout, run, software))
			core.done(job, why == nil, nil, why)
		end,
	}
end

return function(event, run, options)
	check.argument("on", 1, event, "string")
	check.argument("on", 2, run, "function")
	if event == "install" then
		install(run, options)
	elseif not core.events[event] then
		core.fail('on: there is no event "%s"%s', event, check.meant(event, core.events))
	else
		core.on(event, run)
	end
end
