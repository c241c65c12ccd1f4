-- Points: the values of a variable on their way out. Rules see each of them as it is taken; then
-- the report or the window of the variable, if it has one, decides what is sent.
local core, import = ...
local report = import("report")
local point = {}

local points = {} -- by path
point.all = points

-- Declares a variable: spec is core.declare's, fields are those of its report, or nil.
function point.declare(spec, fields)
	spec.kind = "variable"
	local self = { path = spec.path, type = spec.type }
	points[spec.path] = self
	if fields and fields.window ~= nil then
		self.window = import("window")(spec, fields, point)
		self.handles = self.window.handles
	else
		self.report = report.new(spec.path, fields)
		self.handle = core.declare(spec)
		self.handles = { self.handle }
	end
	return self
end

-- Sends a value as it is. -> why not, or nil; does somebody wait for a sync?
local function send(self, value, time)
	local rules = self.rules
	if not rules then
		return core.push(self.handle, value, time)
	end
	local fitted, why = core.check(self.handle, value)
	if why then
		return why
	end
	for _, rule in ipairs(rules) do
		rule:look(fitted)
	end
	return core.push(self.handle, value, time)
end
point.send = send

local function take_into_window(self, value)
	for _, handle in ipairs(self.handles) do
		core.saw(handle, value, nil, "into its window")
	end
	local why = self.window:refuses(value)
	if why then
		return why
	end
	for _, rule in ipairs(self.rules or {}) do
		rule:look(value)
	end
	return nil, self.window:take(value)
end

local function by_exception(self, value, time, period)
	local rule, now = self.report, core.mono()
	local wanted, verdict = report.wants(rule, value, now, period)
	core.saw(self.handle, value, wanted, verdict)
	if not wanted then
		local fitted, why = core.check(self.handle, value)
		for _, watching in ipairs(not why and self.rules or {}) do
			watching:look(fitted)
		end
		return why
	end
	local why, durable = send(self, value, time)
	if not why then
		report.sent(rule, value, now)
	end
	return why, durable
end

-- A value that was read, each `period` ms. -> as send
function point.take(self, value, time, period)
	if self.report then
		return by_exception(self, value, time, period)
	elseif self.window then
		return take_into_window(self, value)
	end
	core.saw(self.handle, value, true, "without a rule each read is reported")
	return send(self, value, time)
end

-- The shortest time between two samples, in ms; 0: they come as they are read.
function point.gap(self)
	return self.window and self.window.length or self.report and self.report.min_gap or 0
end

-- For the status, and who looks on. Its quality: why it is bad, or nil.
function point.mark(self, bad)
	for _, handle in ipairs(self.handles) do
		core.quality(handle, bad)
	end
end

-- A read failed.
function point.refuse(self, why)
	for _, handle in ipairs(self.handles) do
		core.refused(handle, why)
	end
end

-- What reads it, and how many of its times are left out.
function point.plan(self, ticker, skips)
	for _, handle in ipairs(self.handles) do
		core.plan(handle, ticker, skips)
	end
end

-- After a time without a value the next one is news.
function point.forget(self)
	report.forget(self.report)
end

return point
