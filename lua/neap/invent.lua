-- Simulations: values in the place of what a read cannot give, because nothing stands for the
-- device that it asks. They walk at random, the same way each time.
local core = ...

local seed = 1

-- From 0 to 1 (Lehmer: Park and Miller, 1988).
local function random()
	seed = seed * 48271 % 2147483647
	return seed / 2147483647
end

local function clamp(value, min, max)
	return math.max(min, math.min(max, value))
end

-- What a value may be after another one; nil: the first.
local walks = {
	double = function(last)
		return math.floor(clamp((last or 20) + random() * 0.6 - 0.3, 0, 100) * 10 + 0.5) / 10
	end,
	int = function(last)
		return clamp((last or 20) + math.floor(random() * 3) - 1, 0, 100)
	end,
	boolean = function(last)
		if random() < 0.01 then
			return not last
		end
		return last or false
	end,
	date = function()
		return core.now()
	end,
	string = function()
		return "made up"
	end,
	binary = function()
		return "made up"
	end,
}

local function walk(point)
	point.invented = walks[point.type or "double"](point.invented)
	return point.invented
end

-- The read of one variable, or of a group, where `names` is a list.
return function(what, read, points, names)
	local vain = false
	local function invented()
		if not names then
			return walk(points[1])
		end
		local values = {}
		for _, name in ipairs(names) do
			values[name] = walk(points[name])
		end
		return values
	end
	return function()
		if vain then
			return invented()
		end
		local got = table.pack(pcall(read))
		if got[1] then
			return table.unpack(got, 2, got.n)
		elseif type(got[2]) ~= "table" or got[2].code ~= "NOFAKE" then
			error(got[2], 0)
		end
		vain = true
		local why = got[2].message
		core.invented(("%s (%s)"):format(what, why:match("^(.-) is not faked") or why))
		return invented()
	end
end
