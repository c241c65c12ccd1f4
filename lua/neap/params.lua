-- params{defaults}: what neap.yaml says under params.NAME over the script's defaults.
local core, import = ...
local check = import("check")

local plain

local function list_of(node)
	local list = {}
	for _, child in ipairs(node.value) do
		list[child.key or #list + 1] = plain(child)
	end
	return list
end

plain = function(node)
	if node.kind == "scalar" then
		return node.value
	end
	return list_of(node)
end

local function convert(path, node, default)
	if type(default) == "string" and node.kind == "scalar" then
		return node.text
	end
	local value = plain(node)
	if type(default) ~= type(value) then
		error(("%s: %s must be a %s, as its default in the script is"):format(node.where, path,
			type(default)), 0)
	end
	return value
end

local merge

merge = function(path, node, defaults)
	local result = {}
	for name, default in pairs(defaults) do
		result[name] = default
	end
	for _, child in ipairs(node.value) do
		local name = ("%s.%s"):format(path, child.key)
		local default = defaults[child.key]
		if default == nil then
			error(("%s: %s: the script has no such parameter%s"):format(child.where, name,
				check.meant(child.key, defaults)), 0)
		elseif type(default) == "table" and child.kind == "map" and #default == 0 and next(default) then
			result[child.key] = merge(name, child, default)
		else
			result[child.key] = convert(name, child, default)
		end
	end
	return result
end

return function(defaults)
	check.argument("params", 1, defaults, "table")
	local node = core.params()
	if not node then
		return defaults
	elseif node.kind ~= "map" then
		error(("%s: params.%s must be a map of names and values"):format(node.where, node.key), 0)
	end
	return merge("params." .. node.key, node, defaults)
end
