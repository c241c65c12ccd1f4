-- What a script keeps over reload and restart, in a file of its own in the state folder
-- (lua/kept.h): sections with values by name, a line each. Written when something has changed, at
-- most once in the shortest time that somebody asked for, and at the end of the script.
local core = ...
local kept = {}

local MAX = 64 * 1024 -- bytes of the file: it is on flash

-- section -> name -> its JSON: as it was read until somebody asks for it, and for ever if nobody
-- does, because a name that was mistyped once shall not lose what was counted for years.
local lines
local items = {} -- section -> name -> { get =, set =, what = }
local ticker, period

local function table_of(value)
	return type(value) == "table" and value or error("it is not what neap writes", 0)
end

local function decode(text)
	local result = {}
	for section, values in pairs(table_of(core.cjson.decode(text))) do
		result[section] = {}
		for name, value in pairs(table_of(values)) do
			result[section][name] = core.cjson.encode(value)
		end
	end
	return result
end

local function read()
	local text, why = core.kept_read()
	if not text then
		if why then
			core.log("error", ("what it kept cannot be read, it starts anew: %s"):format(why))
		end
		return {}
	end
	local ok, result = pcall(decode, text)
	if ok then
		return result
	end
	core.log("error", ("what it kept is damaged, it starts anew (%s); the file is now %s"):format(
		tostring(result):match("cjson.decode: (.*)") or result, core.kept_aside() or "still there"))
	return {}
end

local function sorted(list)
	local names = {}
	for name in pairs(list) do
		names[#names + 1] = name
	end
	table.sort(names)
	return names
end

-- The values of now take the place of those of before. One that is not plain is said, and stays
-- what it was.
local function refresh()
	for section, named in pairs(items) do
		for name, item in pairs(named) do
			local ok, json = pcall(item.get)
			if ok then
				lines[section] = lines[section] or {}
				lines[section][name] = core.cjson.encode(json)
			else
				core.log("error", ("%s is not saved: %s"):format(item.what, tostring(json)))
			end
		end
	end
end

local function text_of()
	local text = {}
	for _, section in ipairs(sorted(lines)) do
		local list = {}
		for _, name in ipairs(sorted(lines[section])) do
			list[#list + 1] = ("%s:%s"):format(core.cjson.encode(name), lines[section][name])
		end
		text[#text + 1] = ("%s:{\n%s}"):format(core.cjson.encode(section), table.concat(list, ",\n"))
	end
	return ("{%s}\n"):format(table.concat(text, ",\n"))
end

local function drop_unasked()
	for section, named in pairs(lines) do
		for name in pairs(named) do
			if not (items[section] and items[section][name]) then
				named[name] = nil
			end
		end
	end
end

local function largest()
	local most, what = 0, "?"
	for section, named in pairs(lines) do
		for name, json in pairs(named) do
			if #json > most then
				most, what = #json, items[section][name].what
			end
		end
	end
	return ("%s is the largest with %d"):format(what, most)
end

local function current()
	refresh()
	local text = text_of()
	if #text > MAX then
		drop_unasked()
		text = text_of()
	end
	if #text > MAX then
		error(("what the script keeps would be %d bytes, and it can be %d: %s"):format(#text, MAX,
			largest()), 0)
	end
	return text
end

-- Returns when all is on disk; raises.
function kept.save()
	core.kept_write(current())
end

local function tick()
	local ok, why = pcall(kept.save)
	if not ok then
		core.log("error", ("it is not saved, and tried again in %s: %s"):format(
			core.duration_text(period), tostring(why)))
	end
end

local function take(text)
	local sections = core.cjson.decode(text)
	lines = decode(text)
	for section, named in pairs(items) do
		for name, item in pairs(named) do
			local value = sections[section] and sections[section][name]
			if value ~= nil then
				item.set(value)
			end
		end
	end
end

-- From now on item.get() is kept, as `name` of the section; -> what was kept, or nil.
-- item.get() -> a plain value; item.set(value): what the script's version before kept at its end;
-- item.what: for messages. save: ms that a loss of power may cost.
function kept.add(section, name, item, save)
	if not lines then
		lines = read()
		core.kept_by(current, take)
	end
	items[section] = items[section] or {}
	items[section][name] = item
	if not ticker then
		ticker, period = core.ticker("state: ", save, save, tick), save
	elseif save < period then
		period = save
		core.period(ticker, save)
	end
	local json = lines[section] and lines[section][name]
	if json then
		return core.cjson.decode(json)
	end
end

return kept
