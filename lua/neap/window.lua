-- Windows: of many readings their mean, min, max, first, last, sum, count and median are sent, each
-- as a path of its own. Windows begin at whole multiples of their length in UTC (before the clock
-- is set: since the device started) and include their beginning; the values have the time of the
-- end.
local core, import = ...
local carry = import("carry")
local check = import("check")

local KEPT = 1000 -- values that a median is taken from: of more, each second, then each fourth...

local report_kinds = check.kinds("neap.window_report", { window = "duration", values = "table" })

-- Of each value: its type (of the variable, if nil), and whether it is for numbers only.
local kinds = {
	mean = { type = "double", numbers = true },
	median = { type = "double", numbers = true },
	sum = { type = "double", numbers = true },
	min = { numbers = true },
	max = { numbers = true },
	first = {},
	last = {},
	count = { type = "int", unit = "" },
}

local function median(values)
	table.sort(values)
	local middle = #values // 2
	if #values % 2 == 1 then
		return values[middle + 1]
	end
	return (values[middle] + values[middle + 1]) / 2
end

local methods = {}

-- A value that is asked for has the field of its name.
function methods:clear()
	self.count, self.sum, self.min, self.max, self.first, self.last = 0, 0, nil, nil, nil, nil
	self.kept, self.stride = self.of.median and {}, 1
end

-- From now to the next multiple of its length.
function methods:begin(now)
	self:clear()
	local clock = core.clock_set() and math.floor(core.now() * 1000 + 0.5) or now
	self.ends = now + self.length - clock % self.length
end

-- Sends what there is of a window that ended `late` ms ago. -> does somebody wait for a sync?
function methods:send(late)
	local time, sync = core.now() - late / 1000, false
	if self.count > 0 then
		self.mean = self.sum / self.count
		self.median = self.kept and median(self.kept)
	end
	for _, name in ipairs(self.names) do
		if name == "count" or self.count > 0 then
			local why, durable = self.publish(self.of[name], self[name], time)
			if why then
				core.log("warn", ("the window of %s: not sent: %s"):format(self.path, why))
			end
			sync = sync or durable
		end
	end
	return sync
end

-- Ends the window if its time is over. -> as send
function methods:look(now)
	local sync = false
	if self.ends and now >= self.ends then
		sync = self:send(now - self.ends)
	end
	if not self.ends or now >= self.ends then
		self:begin(now)
	end
	return sync
end

-- Why the value does not fit, or nil.
function methods:refuses(value)
	if not self.numbers then
		return self.sample and select(2, core.check(self.sample, value))
	elseif type(value) ~= "number" then
		return ("%s: a %s is not a number"):format(self.path, type(value))
	elseif value ~= value or value == math.huge or value == -math.huge then
		return ("%s: %s is not a finite number"):format(self.path,
			value ~= value and "NaN" or tostring(value))
	elseif self.whole and not math.tointeger(value) then
		return ("%s: %s is not an int"):format(self.path, value)
	end
end

local function keep(self, value)
	local kept = self.kept
	if (self.count - 1) % self.stride ~= 0 then
		return
	end
	kept[#kept + 1] = value
	if #kept == KEPT then
		for i = 1, KEPT // 2 do
			kept[i] = kept[2 * i - 1]
		end
		for i = KEPT // 2 + 1, KEPT do
			kept[i] = nil
		end
		self.stride = 2 * self.stride
	end
end

-- One more value. -> as send, of the window before
function methods:take(value)
	local sync = self:look(core.mono())
	self.count = self.count + 1
	if self.count == 1 then
		self.first, self.min, self.max = value, value, value
	end
	self.last = value
	if self.numbers then
		self.sum = self.sum + value
		self.min = value < self.min and value or self.min
		self.max = value > self.max and value or self.max
	end
	if self.kept then
		keep(self, value)
	end
	return sync
end

local meta = { __index = methods }

carry.kind("window", { "count", "sum", "min", "max", "first", "last", "kept", "stride", "ends" })

local function names_of(what, values, numbers)
	local names, seen = {}, {}
	for i, name in ipairs(check.value(what .. ": values", values, "table")) do
		check.choice(("%s: values, item %d"):format(what, i), name, kinds)
		if seen[name] then
			core.fail("%s: values has %s twice", what, name)
		elseif kinds[name].numbers and not numbers then
			core.fail("%s: values: %s is for variables of the type double or int", what, name)
		end
		names[i], seen[name] = name, true
	end
	if not names[1] then
		core.fail('%s: values must be a list such as { "mean", "max" }', what)
	end
	return names
end

-- Declares one of its values as a variable.
local function declare(self, spec, name, point)
	local of = kinds[name]
	self.of[name] = point.declare({
		path = ("%s.%s"):format(spec.path, name), type = of.type or spec.type,
		label = spec.label and ("%s, %s"):format(spec.label, name), unit = of.unit or spec.unit,
		policy = spec.policy, parallel = spec.parallel, ttl = spec.ttl,
		factor = not of.type and spec.factor or nil, -- of the readings themselves
	})
	table.insert(self.handles, self.of[name].handle)
end

-- Windows of one length end together: length -> list of them.
local clocks = {}

-- Sends what has come so far.
local function send_all()
	local sync = false
	for _, list in pairs(clocks) do
		for _, self in ipairs(list) do
			sync = self.count > 0 and self:send(0) or sync
			self:clear()
		end
	end
	if sync then
		core.sync()
	end
end

local function new_clock(length)
	local list, ticker = {}, nil
	local function look()
		core.arm(ticker, length) -- whatever becomes of this turn
		local sync, next_end = false, math.huge
		for _, self in ipairs(list) do
			sync = self:look(core.mono()) or sync
			next_end = math.min(next_end, self.ends)
		end
		core.arm(ticker, math.max(1, next_end - core.mono()))
		if sync then
			core.sync()
		end
	end
	ticker = core.ticker(("windows of %s: "):format(core.duration_text(length)), 0, 0, look)
	if next(clocks) == nil then
		core.on("stop", send_all)
	end
	clocks[length] = list
	return list
end

-- spec: as core.declare takes it for the variable that is read; fields: the report's
return function(spec, fields, point)
	local what = ("variable %s: report"):format(spec.path)
	fields = check.fields(what, fields, report_kinds)
	local numbers = spec.type == nil or spec.type == "double" or spec.type == "int"
	local self = setmetatable({
		path = spec.path, length = fields.window,
		numbers = numbers, whole = spec.type == "int", publish = point.send,
		names = names_of(what, fields.values, numbers), of = {}, handles = {},
	}, meta)
	for _, name in ipairs(self.names) do
		declare(self, spec, name, point)
	end
	local sample = self.of.first or self.of.last
	self.sample = sample and sample.handle
	self:clear()
	local values = table.concat(self.names, " ")
	carry.add("window", ("%s %d %s"):format(spec.path, self.length, values), self)
	table.insert(clocks[self.length] or new_clock(self.length), self)
	return self
end
