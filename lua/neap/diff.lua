-- diff(expected, got) -> how two values differ, in lines.
local _, import = ...
local show = import("show")

local function lines_of(value)
	local text = type(value) == "string" and value:find("\n", 1, true) and value or show(value, true)
	local lines = {}
	for line in (text .. "\n"):gmatch("(.-)\n") do
		lines[#lines + 1] = line
	end
	return lines
end

-- The length of the longest common part of a[i..] and b[j..], for all i and j.
local function common(a, b)
	local length = {}
	for i = #a + 1, 1, -1 do
		length[i] = {}
		for j = #b + 1, 1, -1 do
			if i > #a or j > #b then
				length[i][j] = 0
			elseif a[i] == b[j] then
				length[i][j] = length[i + 1][j + 1] + 1
			else
				length[i][j] = math.max(length[i + 1][j], length[i][j + 1])
			end
		end
	end
	return length
end

local MOST = 200 -- lines that are compared with each other

return function(expected, got)
	local a, b = lines_of(expected), lines_of(got)
	if #a == 1 and #b == 1 then
		return ("  expected %s\n  got      %s"):format(show(expected, true), show(got, true))
	elseif #a > MOST or #b > MOST then
		return ("  expected %s\n  got      %s"):format(show(expected), show(got))
	end
	local length, i, j, out = common(a, b), 1, 1, { "  - expected, + got" }
	while i <= #a or j <= #b do
		if i <= #a and j <= #b and a[i] == b[j] then
			out[#out + 1] = "    " .. a[i]
			i, j = i + 1, j + 1
		elseif j > #b or i <= #a and length[i + 1][j] >= length[i][j + 1] then
			out[#out + 1] = "  - " .. a[i]
			i = i + 1
		else
			out[#out + 1] = "  + " .. b[j]
			j = j + 1
		end
	end
	return table.concat(out, "\n")
end
