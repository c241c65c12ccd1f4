-- Commands: what the server can start.
local core, import = ...
local check = import("check")
local handlers = import("job")
local refusal = import("refusal")

local kinds = check.kinds("neap.command_options", {
	label = "string", params = "table", run = "function", timeout = "duration = 30s",
	ttl = "duration = 10m", repeatable = "boolean = false",
})
local param_kinds = check.kinds("neap.param", {
	type = "string", label = "string", default = "any", min = "number", max = "number",
})

local function params_of(what, params)
	local list = {}
	for name, fields in pairs(params or {}) do
		if type(name) ~= "string" or not name:find("^[%w_-]+$") then
			core.fail('%s: "%s" is not a name for a parameter: letters, digits, _ and -',
				what, tostring(name))
		end
		local param = check.fields(("%s: the parameter %s"):format(what, name), fields, param_kinds)
		param.name, param.path = name, ("%s: the parameter %s"):format(what, name)
		list[#list + 1] = param
	end
	table.sort(list, function(a, b) return a.name < b.name end)
	return list
end

return function(path, options, parallel)
	local what = "command " .. path
	options = check.fields(what, options, kinds)
	if not options.run then
		core.fail("%s: it needs run, a function", what)
	end
	local handle = core.declare({ kind = "command", path = path, label = options.label,
		params = params_of(what, options.params), timeout = options.timeout, ttl = options.ttl,
		repeatable = options.repeatable, parallel = parallel })
	handlers[handle] = {
		command = function(job, params)
			local _ <close> = job
			local why = refusal(core.guarded(options.timeout, options.run, params))
			core.done(job, why == nil, nil, why)
		end,
	}
end
