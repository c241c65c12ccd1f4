-- What `neap help NAME` and the REPL's :help print, out of meta.lua. Stands alone.
--
-- help(meta, topic) -> text; or nil, the names that there are. meta: the text of meta.lua. A topic
-- is a function ("sleep", "asset.variable", "variable"), a table or type ("duration"), or a field
-- ("asset.variable.every", "heartbeat").

local reference = ...
local short, signature, options_of = reference.short, reference.signature, reference.options

local WIDTH = 80

-- In lines of WIDTH, `indent` spaces before each.
local function wrap(text, indent)
	local lines, line = {}, nil
	for word in text:gmatch("%S+") do
		if line and indent + #line + 1 + #word <= WIDTH then
			line = line .. " " .. word
		else
			lines[#lines + 1] = line
			line = word
		end
	end
	lines[#lines + 1] = line
	for i, one in ipairs(lines) do
		lines[i] = (" "):rep(indent) .. one .. "\n"
	end
	return table.concat(lines)
end

local function show_item(item, indent)
	local line = item.name and item.name .. (item.optional and "?" or "") .. ": " or ""
	local out = (" "):rep(indent) .. line .. short(item.type) .. "\n"
	return item.text == "" and out or out .. wrap(reference.sentence(item.text), indent + 4)
end

local function show_class(index, class, indent)
	local out = class.text == "" and "" or wrap(class.text, indent)
	for _, field in ipairs(reference.fields(index, class)) do
		out = out .. show_item(field, indent)
	end
	return out
end

local shows = {}

shows["function"] = function(index, entry)
	local out = signature(entry) .. "\n"
	for _, overload in ipairs(entry.overloads) do
		out = out .. short(reference.overload(entry, overload)) .. "\n"
	end
	out = out .. wrap(entry.text, 4)
	for _, param in ipairs(entry.params) do
		out = out .. show_item(param, 4)
		local class = options_of(index, param)
		if class then
			out = out .. show_class(index, class, 8)
		end
	end
	return out
end

function shows.alias(_, entry)
	local out = short(entry.name) .. (entry.type == "" and "" or ": " .. short(entry.type)) .. "\n"
	out = out .. wrap(entry.text, 4)
	for _, value in ipairs(entry.values) do
		out = out .. show_item(value, 4)
	end
	return out
end

function shows.class(index, entry)
	local out = short(entry.name) .. "\n" .. show_class(index, entry, 4)
	for _, other in ipairs(index) do
		if other.owner == entry.name then
			out = out .. "    " .. signature(other) .. "\n"
		end
	end
	return out
end

function shows.field(_, entry)
	return entry.name:gsub("[^.]+$", "") .. show_item(entry.field, 0)
end

-- --- names ---

-- By class, and all in order. Fields stand under each function that takes them, else under their
-- class.
local function index_of(chapters)
	local index, taken = reference.index(chapters), {}
	local function add_fields(name, class)
		for _, field in ipairs(reference.fields(index, class)) do
			index[#index + 1] = { kind = "field", name = name .. "." .. field.name, field = field }
		end
	end
	for i = 1, #index do
		for _, param in ipairs(index[i].params) do
			local class = options_of(index, param)
			if class then
				taken[class] = true
				add_fields(index[i].name, class)
			end
		end
	end
	for i = 1, #index do
		if index[i].kind == "class" and not taken[index[i]] then
			add_fields(short(index[i].name), index[i])
		end
	end
	return index
end

local function topic_of(entry)
	return (short(entry.name):gsub(":", "."))
end

-- Those whose whole name it is; else those whose last part it is, functions before fields.
local function find(index, topic)
	local whole, last, fields = {}, {}, {}
	for _, entry in ipairs(index) do
		local name = topic_of(entry)
		local list = name == topic and whole or entry.kind == "field" and fields or last
		if name == topic or name:sub(-#topic - 1) == "." .. topic then
			list[#list + 1] = entry
		end
	end
	return whole[1] and whole or last[1] and last or fields
end

return function(meta, topic)
	local index = index_of(reference.read(meta))
	local out, told = {}, {}
	for _, entry in ipairs(find(index, (topic:gsub(":", ".")))) do
		local text = shows[entry.kind](index, entry)
		out[#out + 1] = not told[text] and text or nil
		told[text] = true
	end
	if out[1] then
		return table.concat(out, "\n")
	end
	local names = {}
	for i, entry in ipairs(index) do
		names[i] = topic_of(entry)
	end
	return nil, names
end
