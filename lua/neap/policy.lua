-- policy(name, {flush=, jitter=, max_samples=, priority=, durable=, limit=, full=, encoding=})
local core, import = ...
local check = import("check")

local durations = { flush = true, jitter = true }

-- As neap.yaml writes it. Numbers are seconds where a duration stands.
local function text(what, field, value)
	if type(value) == "number" and durations[field] then
		local ms = core.duration(value)
		if not ms then
			core.fail("%s: %s must not be %s", what, field, value)
		end
		return ("%dms"):format(ms)
	elseif math.type(value) == "float" and math.tointeger(value) then
		return ("%d"):format(value)
	elseif type(value) == "table" or type(value) == "function" then
		core.fail("%s: %s must be text, a number, true or false, not a %s", what, field, type(value))
	end
	return tostring(value)
end

return function(name, fields)
	check.argument("policy", 1, name, "string")
	local what = ('policy "%s"'):format(name)
	local list = {}
	for field, value in pairs(check.value(what, fields or {}, "table")) do
		field = tostring(field)
		list[#list + 1] = field
		list[#list + 1] = text(what, field, value)
	end
	local why = core.policy(name, list)
	if why then
		core.fail("%s: %s", what, why)
	end
	return name
end
