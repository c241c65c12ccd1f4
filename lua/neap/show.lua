-- Values as a person reads them: tables laid out, long ones cut.
local WIDTH, ENTRIES, DEPTH, TEXT = 76, 40, 5, 400

local escapes = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }

local function quote(text)
	return '"' .. text:gsub('[%c"\\\127]', function(char)
		return escapes[char] or ("\\%d"):format(char:byte())
	end) .. '"'
end

local function by_name(a, b)
	local ta, tb = type(a), type(b)
	if ta ~= tb then
		return ta == "number"
	elseif ta == "number" or ta == "string" then
		return a < b
	end
	return tostring(a) < tostring(b)
end

-- The keys: those of the array first, in order, then the others by name.
local function keys_of(value)
	local keys = {}
	for key in pairs(value) do
		keys[#keys + 1] = key
	end
	table.sort(keys, by_name)
	return keys
end

local function name_of(key)
	if type(key) == "string" and key:match("^[%a_][%w_]*$") then
		return key
	end
	return "[" .. (type(key) == "string" and quote(key) or tostring(key)) .. "]"
end

local layout

local function lay_table(value, limits, depth, above)
	if above[value] then
		return "{ itself }"
	elseif depth >= limits.depth then
		return "{ ... }"
	end
	above[value] = true
	local parts, length, next_index = {}, 0, 1
	local keys = keys_of(value)
	for i, key in ipairs(keys) do
		if i > limits.entries then
			parts[i] = ("... %d more"):format(#keys - limits.entries)
			break
		end
		local text = layout(value[key], limits, depth + 1, above)
		if key == next_index then
			next_index = next_index + 1
		else
			text = name_of(key) .. " = " .. text
		end
		parts[i], length = text, length + #text + 2
	end
	above[value] = nil
	if #parts == 0 then
		return "{}"
	end
	local line = "{ " .. table.concat(parts, ", ") .. " }"
	local indent = ("  "):rep(depth)
	if #line + #indent <= WIDTH and not line:find("\n", 1, true) then
		return line
	end
	local separator = "\n" .. indent .. "  "
	return "{" .. separator .. table.concat(parts, "," .. separator) .. "\n" .. indent .. "}"
end

function layout(value, limits, depth, above)
	if type(value) == "string" then
		if #value > limits.text then
			return quote(value:sub(1, limits.text)) .. ("... %d bytes more"):format(#value - limits.text)
		end
		return quote(value)
	elseif type(value) == "table" and (getmetatable(value) == nil or rawlen(value) > 0) then
		return lay_table(value, limits, depth, above)
	elseif type(value) == "function" then
		return "a function"
	end
	return tostring(value)
end

-- show(value[, whole]) -> text
return function(value, whole)
	local limits = { entries = ENTRIES, depth = DEPTH, text = TEXT }
	if whole then
		limits = { entries = math.huge, depth = 50, text = math.huge }
	end
	return layout(value, limits, 0, {})
end
