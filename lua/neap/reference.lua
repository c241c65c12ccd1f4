-- Reads meta.lua: what the manual, `neap help` and the test of both are made of. Stands alone.
--
-- reference.read(text) -> a list of chapters, { title =, entries = }. An entry is what one block of
-- lines declares:
--   { kind = "function", name = "asset:variable", text =, params =, returns =, overloads = }
--   { kind = "class", name = "neap.asset", parents =, fields =, text =, variable = "file" or nil }
--   { kind = "alias", name = "neap.event", type = or values =, text = }
-- params, fields, returns and values are lists of { name =, optional =, type =, text = }.

local reference = {}

-- Where a type ends that begins at `from`: at the first space outside of brackets and quotes that
-- does not follow ":", "," or "|".
local function type_end(text, from)
	local depth, at = 0, from
	while at <= #text do
		local char = text:sub(at, at)
		if char == '"' then
			at = text:find('"', at + 1, true) or #text
		elseif char:find("[({<%[]") then
			depth = depth + 1
		elseif char:find("[)}>%]]") then
			depth = depth - 1
		elseif char == " " and depth == 0 and not text:sub(at - 1, at - 1):find("[:,|]") then
			return at - 1
		end
		at = at + 1
	end
	return #text
end

-- "type what it is" or "type # what it is"
local function typed(text)
	local stop = type_end(text, 1)
	return text:sub(1, stop), text:sub(stop + 1):match("^%s*#?%s*(.-)$")
end

-- "name? type text"
local function item(text)
	local name, optional, rest = text:match("^([%w_.%[%]]+)(%??)%s+(.*)$")
	local type, what = typed(rest)
	return { name = name, optional = optional == "?", type = type, text = what }
end

local function add(object, text)
	object.text = object.text == "" and text or object.text .. " " .. text
end

local tags = {}

function tags.class(entry, rest)
	entry.kind, entry.fields = "class", {}
	entry.name = rest:match("^([%w_.]+)")
	entry.parents = rest:match(":%s*(.+)$")
end

function tags.alias(entry, rest)
	entry.kind, entry.values = "alias", {}
	entry.name, entry.type = rest:match("^([%w_.]+)%s*(.*)$")
end

-- Text that comes before a field is the field's.
function tags.field(entry, rest)
	local field = item(rest)
	field.text = entry.pending and entry.pending .. " " .. field.text or field.text
	entry.pending = nil
	field.text = field.text:match("^(.-)%s*$")
	table.insert(entry.fields, field)
end

function tags.param(entry, rest)
	entry.last = item(rest)
	table.insert(entry.params, entry.last)
end

tags["return"] = function(entry, rest)
	repeat
		local type, more = typed(rest)
		local name
		rest = more
		if not type:find(",$") then
			name, rest = more:match("^([%w_]*),?%s*(.*)$")
		end
		name = name ~= "" and name or nil
		table.insert(entry.returns, { name = name, type = (type:gsub(",$", "")), text = "" })
	until rest == "" or rest == "..."
end

function tags.overload(entry, rest)
	table.insert(entry.overloads, rest)
end

function tags.generic() end

-- One line of a block.
local function take(entry, line)
	local tag, rest = line:match("^%-%-%-@(%a+)%s*(.*)$")
	local text = line:match("^%-%-%- ?(.*)$")
	if tag then
		tags[tag](entry, rest)
	elseif text and text:find("^|") then
		local value, what = text:match("^|%s*(%S+)%s*#?%s*(.*)$")
		table.insert(entry.values, { type = value, text = what })
	elseif text and entry.kind == "class" then
		entry.pending = entry.pending and entry.pending .. " " .. text or text
	elseif text then
		add(entry.last or entry, text)
	end
end

-- The line of code below a block: what it is about.
local function close(entry, code, owners)
	local owner, mark, name = (code or ""):match("^function ([%w_]*)([.:]?)([%w_]+)%(")
	local variable = (code or ""):match("^([%w_]+) = {}$")
	local methods = (code or ""):match("^local ([%w_]+) = {}$")
	if name then
		entry.kind = "function"
		entry.owner = mark ~= "" and owners[owner] or nil
		entry.name = mark == "" and owner .. name or owners[owner]:gsub("^neap%.", "") .. mark .. name
		entry.arguments = code:match("%((.*)%)")
	elseif variable or methods then
		entry.variable = variable
		owners[variable or methods] = entry.name
	end
	return entry.kind and entry
end

local function new()
	return { text = "", params = {}, returns = {}, overloads = {} }
end

function reference.read(meta)
	local chapters, owners, entry = { { title = "", entries = {} } }, {}, new()
	for line in (meta .. "\n"):gmatch("(.-)\n") do
		local title = line:match("^%-%- %-%-%-%-+ (.+)$")
		if title then
			table.insert(chapters, { title = title, entries = {} })
		elseif line:find("^%-%-%-") and not line:find("^%-%-%-@meta") then
			take(entry, line)
		elseif not line:find("^%-%-") then
			local done = close(entry, line, owners)
			if done then
				table.insert(chapters[#chapters].entries, done)
			end
			entry = new()
		end
	end
	return chapters
end

-- All entries in a list, and classes and aliases by name.
function reference.index(chapters)
	local index = {}
	for _, chapter in ipairs(chapters) do
		for _, entry in ipairs(chapter.entries) do
			index[#index + 1] = entry
			index[entry.kind ~= "function" and entry.name or #index] = entry
		end
	end
	return index
end

-- The fields of a class, those of its parents first.
function reference.fields(index, class)
	local fields = {}
	for parent in (class.parents or ""):gmatch("[%w_.]+") do
		for _, field in ipairs(reference.fields(index, index[parent])) do
			fields[#fields + 1] = field
		end
	end
	return table.move(class.fields, 1, #class.fields, #fields + 1, fields)
end

-- The class of options that a parameter takes, or nil.
function reference.options(index, param)
	local class = index[param.type]
	return class and class.kind == "class" and #reference.fields(index, class) > 0 and class or nil
end

-- --- for people ---

-- As people are to read it.
function reference.short(text)
	return (text:gsub("neap%.", ""))
end

-- Of what stands behind "#".
function reference.sentence(text)
	text = text:gsub("^%l", string.upper)
	return text:find("[.:?!]$") and text or text .. "."
end

-- asset:variable(name[, options]) -> what it returns
function reference.signature(entry)
	local out, open = {}, 0
	for i, param in ipairs(entry.params) do
		local comma = i > 1 and ", " or ""
		if param.optional then
			open = open + 1
			comma = "[" .. comma
		elseif open > 0 then
			comma = ("]"):rep(open) .. comma
			open = 0
		end
		out[i] = comma .. param.name
	end
	local text = ("%s(%s%s)"):format(entry.name, table.concat(out), ("]"):rep(open))
	local gives = {}
	for i, value in ipairs(entry.returns) do
		gives[i] = (value.name and value.name .. ": " or "") .. reference.short(value.type)
	end
	return gives[1] and text .. " -> " .. table.concat(gives, ", ") or text
end

-- Another way to call it.
function reference.overload(entry, overload)
	return (overload:gsub("^fun", entry.name):gsub("self: [%w_.]+, ", ""))
end

return reference
