-- usage: lua5.4 tools/manual.lua >docs/neap-lua.7      (make docs)
-- The manual of what scripts can use: docs/neap-lua.7.in, with lua/neap/meta.lua in the place of
-- its line "@reference@".
local function slurp(name)
	local file = assert(io.open(name))
	local text = file:read("a")
	file:close()
	return text
end

local reference = assert(loadfile("lua/neap/reference.lua"))()
local chapters = reference.read(slurp("lua/neap/meta.lua"))
local index = reference.index(chapters)
local short = reference.short
local out = {}

-- Text as it stands, at the beginning of a line too.
local function plain(text)
	return (text:gsub("\\", "\\e"):gsub("^[.']", "\\&%0"))
end

-- One argument of a macro.
local function quoted(text)
	return '"' .. plain(text):gsub('"', "\\(dq") .. '"'
end

local function put(...)
	out[#out + 1] = table.concat({ ... }, " ")
end

-- A sentence a line, or what is longer broken between words.
local function put_text(text)
	local line = ""
	for word in text:gmatch("%S+") do
		if #line + #word > 100 then
			put(plain(line))
			line = ""
		end
		line = line == "" and word or line .. " " .. word
		if word:find("%a%a[.:]$") then
			put(plain(line))
			line = ""
		end
	end
	if line ~= "" then
		put(plain(line))
	end
end

local function put_items(items)
	if not items[1] then
		return
	end
	put(".Bl -tag -width Ds -compact")
	for _, item in ipairs(items) do
		local type = short(item.type)
		if item.name then
			put(".It Va", quoted(item.name .. (item.optional and "?" or "") .. ":"), "No", quoted(type))
		else
			put(".It Li", quoted(type))
		end
		if item.text ~= "" then
			put_text(reference.sentence(item.text))
		end
		local class = reference.options(index, item)
		if class then
			put_text(class.text)
			put_items(reference.fields(index, class))
		end
	end
	put(".El")
end

local puts = {}

puts["function"] = function(entry)
	put(".Ss", quoted(reference.signature(entry)))
	for _, overload in ipairs(entry.overloads) do
		put(".D1", quoted("or " .. short(reference.overload(entry, overload))))
	end
	put_text(entry.text)
	put_items(entry.params)
end

function puts.alias(entry)
	put(".Ss", quoted(short(entry.name) .. (entry.type == "" and "" or " = " .. short(entry.type))))
	put_text(entry.text)
	put_items(entry.values)
end

function puts.class(entry)
	put(".Ss", quoted(short(entry.name)))
	put_text(entry.text)
	put_items(reference.fields(index, entry))
end

-- Options stand where a function takes them; classes of which there is nothing to say, nowhere.
local taken = {}
for _, entry in ipairs(index) do
	for _, param in ipairs(entry.params) do
		taken[reference.options(index, param) or entry] = true
	end
end

local function put_all()
	for _, chapter in ipairs(chapters) do
		if chapter.title ~= "" then
			put(".Sh", chapter.title:upper())
		end
		for _, entry in ipairs(chapter.entries) do
			local empty = entry.kind == "class" and entry.text == "" and not entry.fields[1]
			if not empty and (entry.kind == "function" or not taken[entry]) then
				puts[entry.kind](entry)
			end
		end
	end
end

for line in slurp("docs/neap-lua.7.in"):gmatch("(.-)\n") do
	if line == "@reference@" then
		put_all()
	else
		put(line)
	end
end
io.write(table.concat(out, "\n"), "\n")
