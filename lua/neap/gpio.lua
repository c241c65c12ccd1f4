-- gpio.input(name, {edge=, debounce=, run=, ...}), gpio.output(name, {...}): digital lines.
local core, import = ...
local check = import("check")
local feed = import("feed")

local AGAIN_MS, AGAIN_MAX_MS = 1000, 60000

local kinds = check.kinds("neap.input_options", {
	edge = "rising|falling|both = both", debounce = "duration", active_low = "boolean = false",
	bias = "as is|up|down|off = as is", run = "function",
})
local output_kinds = check.kinds("neap.output_options", { active_low = "boolean = false" })

-- What scripts hold -> handle, name, options.
local own = setmetatable({}, { __mode = "k" })

-- --- inputs ---

local inputs = {}

local function open(self)
	local options = self.options
	if self.handle then
		return
	end
	self.handle = core.gpio.input(self.name, options.active_low, options.bias, self.edge,
		options.debounce or 0, self.event)
end

-- Until it is there: it may be at the end of a cable. Told once per change. By a timer, because a
-- handler that waited for it would hold a reload up.
local function look_for(self)
	if self.closed then
		return
	end
	local ok, why = pcall(open, self)
	if ok and self.bad then
		core.log("info", ("gpio %s: is there again"):format(self.name))
	elseif not ok and not self.bad then
		core.log("error", tostring(why))
	end
	self.bad = not ok
	if ok then
		self.pause = AGAIN_MS
	else
		core.arm(self.looker, self.pause)
		self.pause = math.min(2 * self.pause, AGAIN_MAX_MS)
	end
end

local function gone(self, why)
	core.log("error", why)
	core.gpio.close_input(self.handle)
	self.handle, self.bad = nil, true
	core.arm(self.looker, AGAIN_MS)
end

local function handle_of(self)
	if self.closed then
		core.raise(("gpio %s was closed by this script"):format(self.name), "EBADF")
	end
	open(self)
	return self.handle
end

function inputs.get(object)
	return core.gpio.get(handle_of(own[object]))
end

function inputs.count(object)
	return core.gpio.count(handle_of(own[object]))
end

function inputs.close(object)
	local self = own[object]
	self.closed = true
	if self.handle then
		core.gpio.close_input(self.handle)
	end
	self.handle = nil
end

local function name_of(object)
	return "the gpio line " .. own[object].name
end

local input_meta = check.object("neap.input", inputs, name_of)
input_meta.__close = inputs.close

local function input(name, given)
	check.argument("gpio.input", 1, name, "string")
	local what = "gpio " .. name
	local options = check.fields(what, given, kinds)
	if not options.run and (options.debounce or given and given.edge) then
		core.fail("%s: edge and debounce are for run, a function that is called at each edge", what)
	end
	local self = { name = name, options = options, edge = "none" }
	if options.run then
		self.edge = options.edge
		local told = feed.in_order(what, options.run)
		self.event = function(_, on, ...)
			if on == nil then
				gone(self, ...)
			else
				told(on, ...)
			end
		end
		self.pause = AGAIN_MS
		self.looker = core.ticker(what .. ": ", 0, 0, function()
			look_for(self)
		end)
	else
		self.event = function() end
	end
	local object = setmetatable({}, input_meta)
	own[object] = self
	return object
end

-- --- outputs ---

local outputs = {}

-- The line is taken when it is first set: nothing else is known of what it should be.
function outputs.set(object, on)
	local self = own[object]
	check.argument("gpio:set", 1, on, "boolean")
	if self.closed then
		core.raise(("gpio %s was closed by this script"):format(self.name), "EBADF")
	elseif self.handle then
		core.gpio.set(self.handle, on)
	else
		self.handle = core.gpio.output(self.name, self.options.active_low, on)
	end
	self.on = on
end

-- As it was set last; nil before that
function outputs.get(object)
	return own[object].on
end

function outputs.close(object)
	local self = own[object]
	self.closed = true
	if self.handle then
		core.gpio.close_output(self.handle)
	end
end

local output_meta = check.object("neap.output", outputs, name_of)
output_meta.__close = outputs.close

local function output(name, options)
	check.argument("gpio.output", 1, name, "string")
	options = check.fields("gpio " .. name, options, output_kinds)
	local object = setmetatable({}, output_meta)
	own[object] = { name = name, options = options }
	return object
end

return check.closed("gpio", { input = input, output = output })
