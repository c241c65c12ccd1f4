-- Checks what scripts pass: named fields, types, durations. Errors name the field, the nearest
-- known one and the line.
local core = ...
local check = {}

-- " (did you mean "policy"?)", or ""; known: a table with the names as keys
function check.meant(name, known)
	local names = {}
	for key in pairs(known) do
		if type(key) == "string" then
			names[#names + 1] = key
		end
	end
	table.sort(names)
	local nearest = core.nearest(name, names)
	return nearest and (' (did you mean "%s"?)'):format(nearest) or ""
end

local function show(value)
	if type(value) == "string" then
		return ('"%s"'):format(#value > 40 and value:sub(1, 40) .. "..." or value)
	elseif type(value) == "number" or type(value) == "boolean" then
		return tostring(value)
	end
	return "a " .. type(value)
end

-- A duration in milliseconds, above 0.
function check.duration(what, value)
	local ms = core.duration(value)
	if not ms or ms <= 0 then
		core.fail('%s must be a number of seconds above 0 or text such as "250ms", "10s" or "5m", not %s',
			what, show(value))
	end
	return ms
end

local factors = { [""] = 1, B = 1, KB = 1024, MB = 1048576, GB = 1073741824 }

-- A size in bytes, above 0.
function check.size(what, value)
	local count, unit = tostring(value):match("^(%d+)%s*(%u*)$")
	local bytes = count and factors[unit] and math.tointeger(count * factors[unit])
	if not bytes or bytes <= 0 then
		core.fail('%s must be a number of bytes above 0 or text such as "64KB" or "2MB", not %s',
			what, show(value))
	end
	return bytes
end

local articles = {
	string = "text", number = "a number", ["function"] = "a function", table = "a table",
	boolean = "true or false",
}

local function is(value, kind)
	return kind == "any" or type(value) == kind
end

local function is_choice(value, kind)
	return type(value) == "string" and not value:find("|", 1, true) and
		("|" .. kind .. "|"):find("|" .. value .. "|", 1, true)
end

local function refuse_choice(what, value, kind)
	local names = {}
	for name in kind:gmatch("[^|]+") do
		names[name] = true
	end
	check.choice(what, value, names)
end

-- Raises unless the value is of the kind: a type of Lua's, "integer", "duration", "size", "any", or
-- words to choose from, "none|even|odd". A duration comes back in ms, a size in bytes.
function check.value(what, value, kind)
	if kind:find("|", 1, true) then
		return is_choice(value, kind) and value or refuse_choice(what, value, kind)
	elseif kind == "duration" then
		return check.duration(what, value)
	elseif kind == "size" then
		return check.size(what, value)
	elseif kind == "integer" then
		return math.tointeger(value) or
			core.fail("%s must be a whole number, not %s", what, show(value))
	elseif not is(value, kind) then
		core.fail("%s must be %s, not %s", what, articles[kind], show(value))
	end
	return value
end

function check.argument(name, index, value, kind)
	if value == nil then
		core.fail("%s: argument %d is missing: it must be %s", name, index, articles[kind])
	end
	return check.value(("%s: argument %d"):format(name, index), value, kind)
end

-- A whole number from `min` to `max`.
function check.whole(what, value, min, max)
	local number = math.tointeger(value)
	if not number or number < min or number > max then
		core.fail("%s must be a whole number from %d to %d, not %s", what, min, max, show(value))
	end
	return number
end

-- One of the names that are the keys of `known`.
function check.choice(what, value, known)
	if not known[value] then
		local names = {}
		for name in pairs(known) do
			names[#names + 1] = ('"%s"'):format(name)
		end
		table.sort(names)
		core.fail("%s must be %s or %s, not %s%s", what, table.concat(names, ", ", 1, #names - 1),
			names[#names], show(value), type(value) == "string" and check.meant(value, known) or "")
	end
	return value
end

-- How an answer may end: a text, or a list of up to four; comes back as a list.
function check.ends(what, ends)
	if type(ends) == "string" then
		ends = { ends }
	end
	check.value(what .. ": ends", ends or {}, "table")
	for i, text in ipairs(ends or {}) do
		if check.value(("%s: ends, item %d"):format(what, i), text, "string") == "" then
			core.fail("%s: ends must not be empty", what)
		end
	end
	if ends and (#ends < 1 or #ends > 4) then
		core.fail("%s: ends must be a text, or a list of 1 to 4", what)
	end
	return ends or {}
end

local converters = {
	number = tonumber,
	integer = math.tointeger,
	boolean = function(text) return text == "true" end,
}

-- What a table of named fields that scripts pass may hold. class: its name in meta.lua, which says
-- the same, as a test proves. fields: name -> its kind, and what holds if it is left out, if there
-- is such a default: "duration = 10s". parent: its fields are allowed, too.
function check.kinds(class, fields, parent)
	local self = { class = class, kinds = {}, defaults = {} }
	for _, group in ipairs({ "kinds", "defaults" }) do
		for name, value in pairs(parent and parent[group] or {}) do
			self[group][name] = value
		end
	end
	for name, spec in pairs(fields) do
		local kind, default = spec:match("^(.-) = (.*)$")
		kind = kind or spec
		self.kinds[name] = kind
		if default then
			if converters[kind] then
				default = converters[kind](default)
			end
			self.defaults[name] = check.value(class, default, kind)
		end
	end
	return self
end

-- A copy of the fields, each checked by what check.kinds gave, or by its kind in a mere table,
-- durations in ms, sizes in bytes; those that are left out have their defaults.
function check.fields(what, fields, class)
	if type(fields or {}) ~= "table" then
		core.fail("%s: expects named fields in a table {...}, not %s", what, show(fields))
	end
	local copy, kinds = {}, class.kinds or class
	for name, default in pairs(class.defaults or {}) do
		copy[name] = default
	end
	for name, value in pairs(fields or {}) do
		if not kinds[name] then
			core.fail('%s: there is no field "%s"%s',
				what, tostring(name), check.meant(tostring(name), kinds))
		end
		copy[name] = check.value(("%s: %s"):format(what, name), value, kinds[name])
	end
	return copy
end

-- A table whose unknown names are errors: "log has no "wran" (did you mean "warn"?)".
function check.closed(what, names)
	return setmetatable({}, {
		__index = function(_, name)
			local value = names[name]
			if value == nil then
				core.fail('%s has no "%s"%s', what, tostring(name), check.meant(tostring(name), names))
			end
			return value
		end,
		__newindex = function(_, name)
			core.fail('%s cannot be changed: "%s"', what, tostring(name))
		end,
		__pairs = function()
			return next, names, nil
		end,
		__metatable = false,
	})
end

-- The metatable of an object that a script holds: methods only. class: its name in meta.lua;
-- `name_of` gives "the asset m".
function check.object(class, methods, name_of)
	return {
		__name = class,
		__index = function(object, name)
			return methods[name] or core.fail('%s has no "%s"%s', name_of(object), tostring(name),
				check.meant(tostring(name), methods))
		end,
		__newindex = function(object, name)
			core.fail('%s cannot be changed: "%s"', name_of(object), tostring(name))
		end,
		__tostring = name_of,
		__metatable = false,
	}
end

return check
