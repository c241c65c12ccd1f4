-- state{defaults}: a table that survives reload and restart.
local core, import = ...
local check = import("check")
local kept = import("kept")
local plain = import("plain")

local kinds = check.kinds("neap.state_options", { save = "duration = 10m" })

local own = setmetatable({}, { __mode = "k" }) -- the object -> values by name
local taken = {} -- name -> the line that declared it

local function fail_unless_plain(what, value)
	local why = plain(what, value)
	if why then
		core.fail("%s: only numbers, texts, true, false and tables of them can be kept", why)
	end
end

-- What the script holds of a table stays the same table.
local function replace(old, new)
	if type(old) ~= "table" or type(new) ~= "table" then
		return new
	end
	for key in pairs(old) do
		if new[key] == nil then
			old[key] = nil
		end
	end
	for key, value in pairs(new) do
		old[key] = replace(old[key], value)
	end
	return old
end

-- A default of false may be followed by anything.
local function fits(default, value)
	return default == false or type(value) == type(default)
end

local function add(values, name, save)
	local what, default = "state." .. name, values[name]
	fail_unless_plain(what, default)
	if taken[name] then
		core.fail("%s is kept already: %s", what, taken[name])
	end
	taken[name] = core.where()
	local function set(value)
		if fits(default, value) then
			values[name] = replace(values[name], value)
			return
		end
		core.log("warn", ("%s was a %s and is a %s now: its default holds"):format(what, type(value),
			type(default)))
	end
	local before = kept.add("state", name, {
		what = what,
		set = set,
		get = function()
			local why = plain(what, values[name])
			return why and error(why, 0) or values[name]
		end,
	}, save)
	if before ~= nil then
		set(before)
	end
end

local function save()
	kept.save()
end

local meta = {
	__metatable = false,
	__tostring = function()
		return "the state"
	end,
	__index = function(object, name)
		local value = own[object][name]
		if value == nil then
			if name == "save" then
				return save
			end
			core.fail('the state has no "%s"%s', tostring(name), check.meant(tostring(name), own[object]))
		end
		return value
	end,
	__newindex = function(object, name, value)
		local values = own[object]
		if values[name] == nil then
			core.fail('the state has no "%s"%s: give it a default in state{...}', tostring(name),
				check.meant(tostring(name), values))
		elseif value == nil then
			core.fail("state.%s cannot be nil: use false", name)
		elseif math.type(value) ~= "integer" then
			fail_unless_plain("state." .. name, value)
		end
		values[name] = value
	end,
	__pairs = function(object)
		return next, own[object], nil
	end,
}

return function(defaults, options)
	check.argument("state", 1, defaults, "table")
	options = check.fields("state", options, kinds)
	local values = {}
	for name, default in pairs(defaults) do
		if type(name) ~= "string" then
			core.fail("state: the names of its values must be texts, not %s", tostring(name))
		elseif name == "save" then
			core.fail('state: "save" is what writes it, no name for a value')
		end
		values[name] = default
	end
	for name in pairs(defaults) do
		add(values, name, options.save)
	end
	local object = setmetatable({}, meta)
	own[object] = values
	return object
end
