-- asset:counter(name, options): a variable whose value is a count that goes on over reload and
-- restart, of pulses at a digital input or of what the script adds.
local core, import = ...
local check = import("check")
local kept = import("kept")

local kinds = check.kinds("neap.counter_options", {
	gpio = "string", edge = "rising|falling|both = rising", debounce = "duration",
	active_low = "boolean = false", bias = "as is|up|down|off = as is", scale = "number = 1",
	rollover = "integer", save = "duration = 10m", every = "any", report = "table",
	label = "string", unit = "string", policy = "string = default",
})

local own = setmetatable({}, { __mode = "k" }) -- what scripts hold -> path, count, raw...

local function whole(self, method, value)
	local number = math.tointeger(value)
	if not number or number < 0 then
		core.fail("%s:%s: it takes a whole number from 0, not %s", self.path, method, tostring(value))
	end
	return number
end

local methods = {}

-- counter:add([n]): so many more; 1
function methods.add(object, n)
	local self = own[object]
	self.count = self.count + (n == nil and 1 or whole(self, "add", n))
end

-- counter:set(value): from now on it is that, scaled: after an exchange of the meter
function methods.set(object, value)
	local self = own[object]
	check.argument(self.path .. ":set", 1, value, "number")
	self.count = whole(self, "set", math.floor(value / self.scale + 0.5))
end

-- counter:follow(raw): what another device has counted, which may be from before our start. It may
-- begin anew at `rollover`, or, without one, after it has lost its power.
function methods.follow(object, raw)
	local self = own[object]
	raw = whole(self, "follow", raw)
	if self.rollover and raw >= self.rollover then
		core.fail("%s:follow: %d is not below its rollover, %d", self.path, raw, self.rollover)
	end
	local more = self.raw and raw - self.raw or 0
	if more < 0 and self.rollover then
		more = more + self.rollover
	elseif more < 0 then
		core.log("info", ("%s: what it follows began anew, after %d"):format(self.path, self.raw))
		more = raw
	end
	self.count, self.raw = self.count + more, raw
end

-- What is below 1 and one part of a whole divides exactly: 3 * 0.1 is not 0.3.
local function value_of(self)
	local parts = 1 / self.scale
	if parts > 1 and parts == math.floor(parts) then
		return self.count / parts
	end
	return self.count * self.scale
end

-- counter:get() -> the value
function methods.get(object)
	return value_of(own[object])
end

local meta = check.object("neap.counter", methods, function(object)
	return "the counter " .. own[object].path
end)

local function set(self, before)
	local count = type(before) == "table" and math.tointeger(before.count)
	if not count or count < 0 then
		core.log("error", ("%s: what was kept of it is not a count: it begins at 0"):format(self.path))
		return
	end
	self.count, self.raw = count, math.tointeger(before.raw)
end

local function keep(self, save)
	local before = kept.add("counter", self.path, {
		what = "the counter " .. self.path,
		get = function()
			return { count = self.count, raw = self.raw }
		end,
		set = function(value)
			set(self, value)
		end,
	}, save)
	if before ~= nil then
		set(self, before)
	end
end

local function listen(self, options)
	import("gpio").input(options.gpio, {
		edge = options.edge, active_low = options.active_low, bias = options.bias,
		debounce = options.debounce and options.debounce / 1000,
		run = function(_, _, edges)
			self.count = self.count + edges
		end,
	})
end

local input_only = { "edge", "debounce", "active_low", "bias" }

return function(asset, path, name, given)
	local what = "counter " .. path
	local options = check.fields(what, given, kinds)
	for _, field in ipairs(input_only) do
		if not options.gpio and given and given[field] ~= nil then
			core.fail("%s: %s is for gpio, and there is none", what, field)
		end
	end
	if not (options.scale > 0 and options.scale < math.huge) then
		core.fail("%s: scale must be above 0", what)
	elseif options.rollover and options.rollover <= 0 then
		core.fail("%s: rollover must be above 0: the count that is followed by 0", what)
	elseif options.report and not options.every then
		core.fail("%s: report needs every", what)
	end
	local self = {
		path = path, count = 0, scale = options.scale, rollover = options.rollover,
	}
	asset:variable(name, {
		label = options.label, unit = options.unit, policy = options.policy, every = options.every,
		report = options.report,
		read = function()
			return value_of(self)
		end,
	})
	keep(self, options.save)
	if options.gpio then
		listen(self, options)
	end
	local object = setmetatable({}, meta)
	own[object] = self
	return object
end
