-- Plain values: true and false, finite numbers, text in UTF-8, and tables of them whose keys are
-- texts or 1 to n. What JSON gives back as it was.
local DEPTH = 20

local look

local function look_inside(path, value, above)
	if getmetatable(value) ~= nil then
		return path .. " is an object"
	elseif above[value] then
		return path .. " is a table that contains itself"
	elseif above.depth >= DEPTH then
		return ("%s lies more than %d tables deep"):format(path, DEPTH)
	end
	local count, found = #value, 0
	above[value], above.depth = true, above.depth + 1
	for key, item in next, value do
		local why
		found = found + 1
		if type(key) == "string" and count == 0 then
			why = utf8.len(key) and look(("%s.%s"):format(path, key), item, above) or
				not utf8.len(key) and path .. " has a key that is not UTF-8"
		elseif math.type(key) == "integer" and key >= 1 and key <= count then
			why = look(("%s[%d]"):format(path, key), item, above)
		else
			why = ("%s has the key %s: keys must be texts, or 1 to n without a gap"):format(path,
				tostring(key))
		end
		if why then
			return why
		end
	end
	above[value], above.depth = nil, above.depth - 1
	return count > 0 and found < count and path .. " is a list with a gap" or nil
end

look = function(path, value, above)
	local kind = type(value)
	if kind == "boolean" or math.type(value) == "integer" then
		return nil
	elseif kind == "number" then
		return value ~= value and path .. " is NaN" or
			(value == math.huge or value == -math.huge) and path .. " is infinite" or nil
	elseif kind == "string" then
		return not utf8.len(value) and path .. " is not text in UTF-8" or nil
	elseif kind == "table" then
		return look_inside(path, value, above)
	end
	return ("%s is a %s"):format(path, kind)
end

-- Why the value is not plain, with the path of what is not; or nil.
return function(path, value)
	return look(path, value, { depth = 0 })
end
