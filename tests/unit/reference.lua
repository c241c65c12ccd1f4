-- usage: (debug, reference, meta, modules, policy) -> what meta.lua and the code do not agree on
-- debug: Lua's; reference: what that file gives; modules: names of the library's; policy: default
-- by field
local debug, reference, meta, modules, policy = ...
local wrong = {}

local function differ(...)
	wrong[#wrong + 1] = string.format(...)
end

-- ---------------------------------------------------------------- what the code has

-- Of all that can be reached from the globals: check.kinds by class, methods by class, upvalues.
local kinds, methods, upvalues, seen = {}, {}, {}, {}
local walk

local function walk_function(f)
	for i = 1, 255 do
		local name, value = debug.getupvalue(f, i)
		if not name then
			return
		end
		upvalues[name] = upvalues[name] or value
		walk(value)
	end
end

local function walk_table(t)
	local class, name = rawget(t, "class"), rawget(t, "__name")
	if class and rawget(t, "defaults") then
		kinds[class] = t
	elseif name and type(rawget(t, "__index")) == "function" then
		methods[name] = select(2, debug.getupvalue(t.__index, 1))
	end
	for key, value in next, t do
		walk(key)
		walk(value)
	end
	walk(debug.getmetatable(t))
end

function walk(value)
	local kind = type(value)
	if (kind ~= "table" and kind ~= "function") or seen[value] then
		return
	end
	seen[value] = true
	if kind == "function" then
		walk_function(value)
	else
		walk_table(value)
	end
end

walk(_G)
local import, core = upvalues.import, upvalues.core
for _, name in ipairs(modules) do
	pcall(import, name)
end
seen = {}
walk(_G)

local standard = {}
for name in ([[_G _VERSION assert collectgarbage coroutine error getmetatable ipairs load math next
	os pairs pcall print rawequal rawget rawlen rawset select setmetatable string table tonumber
	tostring type utf8 warn xpcall]]):gmatch("%S+") do
	standard[name] = true
end

local public = {}
for _, list in ipairs({ _G, upvalues.later }) do
	for name in next, list do
		public[name] = not standard[name] and _G[name] or nil
	end
end

-- ---------------------------------------------------------------- what meta.lua has

local functions, classes, aliases, tables = {}, {}, {}, {}
for _, chapter in ipairs(reference.read(meta)) do
	for _, entry in ipairs(chapter.entries) do
		local list = ({ ["function"] = functions, class = classes, alias = aliases })[entry.kind]
		list[entry.name] = entry
		if entry.variable then
			tables[entry.variable] = entry
		end
	end
end

local function fields_of(class)
	local fields = {}
	for parent in (class.parents or ""):gmatch("[%w_.]+") do
		for name, field in pairs(fields_of(classes[parent])) do
			fields[name] = field
		end
	end
	for _, field in ipairs(class.fields) do
		fields[field.name] = field
	end
	return fields
end

-- ---------------------------------------------------------------- names

local function same_names(what, code, documented)
	for name in pairs(code) do
		if documented[name] == nil then
			differ("%s: meta.lua does not have %s", what, name)
		end
	end
	for name in pairs(documented) do
		if code[name] == nil then
			differ("%s: the code does not have %s", what, name)
		end
	end
end

-- The functions of meta.lua that are named so: by what is behind the mark.
local function functions_of(prefix)
	local list = {}
	for name, entry in pairs(functions) do
		if name:sub(1, #prefix) == prefix and not name:sub(#prefix + 1):find("[.:]") then
			list[name:sub(#prefix + 1)] = entry
		end
	end
	return list
end

-- skipped: parameters of the code's that the caller does not write
local function same_parameters(entry, f, skipped)
	local info = debug.getinfo(f, "uS")
	local count = #entry.params - (entry.arguments:find("%.%.%.") and 1 or 0)
	if info.what == "Lua" and not info.isvararg and info.nparams - skipped ~= count then
		differ("%s: %d parameters, in meta.lua %d", entry.name, info.nparams - skipped, count)
	end
end

local names = functions_of("")
for name, class in pairs(tables) do
	names[name] = class
	local members, code = fields_of(class), {}
	for member, entry in pairs(functions_of(name .. ".")) do
		members[member] = entry
	end
	for member, value in pairs(public[name] or {}) do
		code[member] = value
		if members[member] and members[member].kind == "function" then
			same_parameters(members[member], value, 0)
		end
	end
	same_names(name, code, members)
end
same_names("globals", public, names)
for name, value in pairs(public) do
	if type(value) == "function" and functions[name] then
		same_parameters(functions[name], value, 0)
	end
end
for class, list in pairs(methods) do
	local documented = functions_of(tostring(class):gsub("^neap%.", "") .. ":")
	same_names(class, list, documented)
	for name, f in pairs(list) do
		if documented[name] then
			same_parameters(documented[name], f, 1)
		end
	end
end
for name, entry in pairs(functions) do
	-- the state's names are the script's, so it is no object of check.object
	if name:find(":") and not methods[entry.owner] and entry.owner ~= "neap.kept" then
		differ("%s: the code has no such object", name)
	elseif entry.text == "" then
		differ("%s: it is not explained", name)
	end
	local list = {}
	for i, param in ipairs(entry.params) do
		list[i] = param.name
	end
	if table.concat(list, ", ") ~= entry.arguments then
		differ("%s: explained are (%s), not (%s)", name, table.concat(list, ", "), entry.arguments)
	end
end

-- ---------------------------------------------------------------- fields

local words = { string = "text", number = "number", integer = "integer", boolean = "boolean" }

local function literals(type)
	local list = {}
	local alias = aliases[type]
	for _, value in ipairs(alias and alias.values or {}) do
		list[#list + 1] = value.type
	end
	for value in type:gmatch('"[^"]*"') do
		list[#list + 1] = value
	end
	table.sort(list)
	return table.concat(list, "|")
end

local function fits(kind, type)
	if kind:find("|", 1, true) then
		local list = {}
		for word in kind:gmatch("[^|]+") do
			list[#list + 1] = ('"%s"'):format(word)
		end
		table.sort(list)
		return literals(type) == table.concat(list, "|")
	elseif kind == "duration" then
		return type == "neap.duration"
	elseif kind == "size" then
		return type == "string|integer"
	elseif kind == "function" then
		return type:find("^fun%(") ~= nil
	elseif kind == "table" then
		return classes[type:match("^[^|]+")] ~= nil or type:find("^table<") ~= nil
			or type:find("%[%]$") ~= nil
	elseif kind == "string" then
		return type == "string" or literals(type) ~= ""
	end
	return kind == "any" or words[kind] ~= nil and type == kind
end

local function default_of(field)
	return field.text:match('"([^"]*)" if left out') or field.text:match("([^%s:;,]+) if left out")
end

-- As check.kinds keeps it.
local function converted(kind, text)
	if kind == "duration" then
		return core.duration(text)
	elseif kind == "size" then
		local count, unit = text:match("^(%d+)(%u*)$")
		return math.tointeger(count) * ({ [""] = 1, KB = 1024, MB = 1048576 })[unit]
	elseif kind == "boolean" then
		return text == "true"
	end
	return tonumber(text) or text
end

local function same_default(what, kind, default, field)
	local told = default_of(field)
	if told == nil and default ~= nil then
		differ("%s: its default, %s, is not in meta.lua", what, tostring(default))
	elseif told and converted(kind, told) ~= default then
		differ("%s: its default is %s, in meta.lua %s", what, tostring(default), told)
	end
end

local function same_fields(name, class, group)
	local fields = fields_of(class)
	same_names(name, group.kinds, fields)
	for field, kind in pairs(group.kinds) do
		if fields[field] then
			local what = ("%s.%s"):format(name, field)
			if not fits(kind, fields[field].type) then
				differ("%s: it is %s, in meta.lua %s", what, kind, fields[field].type)
			end
			same_default(what, kind, group.defaults[field], fields[field])
		end
	end
end

for name, group in pairs(kinds) do
	if classes[name] then
		same_fields(name, classes[name], group)
	else
		differ("classes: meta.lua does not have %s", name)
	end
end

do -- policies: the core's fields, whose values are texts
	local fields = fields_of(classes["neap.policy_fields"])
	same_names("neap.policy_fields", policy, fields)
	for name, default in pairs(policy) do
		local field = fields[name]
		if field and default_of(field) ~= default then
			differ("neap.policy_fields.%s: its default is %s, in meta.lua %s", name, default,
				tostring(default_of(field)))
		end
	end
end

-- What scripts pass must be checked: classes that parameters take, and their fields.
local must_be_checked

local function types_must_be_checked(type)
	for name in type:gmatch("neap%.[%w_]+") do
		must_be_checked(name)
	end
end

function must_be_checked(name)
	local class = classes[name]
	if not class or methods[name] or name == "neap.policy_fields" or next(class.fields) == nil then
		return
	end
	if not kinds[name] and name ~= "neap.exec_list" then
		differ("classes: the code has no check.kinds for %s", name)
	end
	for _, field in pairs(fields_of(class)) do
		types_must_be_checked(field.type)
	end
end

for name, entry in pairs(functions) do
	for _, param in ipairs(entry.params) do
		if param.type:find("^{") then
			differ("%s: %s needs a class, with check.kinds in the code", param.name, name)
		elseif not param.type:find("^fun") then
			types_must_be_checked(param.type)
		end
	end
end

do -- events
	local documented = {}
	for _, value in ipairs(aliases["neap.event"].values) do
		documented[value.type:match('"(.*)"')] = true
	end
	same_names("events", core.events, documented)
end

table.sort(wrong)
return table.concat(wrong, "\n")
