-- Sensors: a function that reads one variable or a group, when it runs, and what becomes of its
-- failures.
local core, import = ...
local carry = import("carry")
local check = import("check")
local period = import("period")
local points = import("point")
local sensor = {}

local BACKOFF_TIMES, BACKOFF_MS = 10, 300000

local function mark(self)
	for _, point in pairs(self.points) do
		points.mark(point, self.bad)
	end
end

-- Not its back-off: who mended it wants to see so soon.
carry.kind("sensor", { "bad" }, mark)

-- Quality is told once per change.
local function quality(self, trouble)
	if not trouble and not self.bad then
		return
	elseif trouble and not self.bad then
		core.log("warn", ("%s: bad: %s"):format(self.what, trouble))
	elseif self.bad and not trouble then
		core.log("info", ("%s: good again"):format(self.what))
	end
	local changed = (self.bad == nil) ~= (trouble == nil)
	self.bad = trouble
	if changed then
		mark(self)
	end
	if changed and trouble then
		for _, point in pairs(self.points) do
			points.forget(point)
		end
	end
end

-- When it runs next, for who wants to know.
local function plan(self)
	for _, point in pairs(self.points) do
		points.plan(point, self.ticker, self.skip)
	end
end

-- How many of its next times a failing sensor leaves out: 0, 1, 3, 7, 9, 9...
local function backoff(self, trouble)
	core.failed()
	for _, point in pairs(self.points) do
		points.refuse(point, trouble)
	end
	self.fails = self.fails + 1
	local times = math.min(2 ^ math.min(self.fails - 1, 10), BACKOFF_TIMES,
		math.max(1, BACKOFF_MS // self.period))
	self.skip = math.tointeger(times // 1) - 1
	plan(self)
end

-- All that a group's read gave, with one time.
local function push_all(self, values)
	local time, trouble, sync = core.now(), nil, false
	for _, name in ipairs(self.names) do
		local value = values[name]
		if value ~= nil then
			local why, durable = points.take(self.points[name], value, time, self.period)
			trouble, sync = trouble or why, sync or durable
		end
	end
	return trouble, sync
end

local function values_of(self, value)
	if not self.names then
		return nil
	elseif type(value) ~= "table" then
		return ("read must return a table of values by name, not a %s"):format(type(value))
	end
	for name in pairs(value) do
		if not self.points[name] then
			return ("read returned %s, which is not one of its variables%s"):format(tostring(name),
				check.meant(tostring(name), self.points))
		end
	end
end

local function answer(self, trouble, value)
	local jobs = self.jobs
	if not jobs then
		return
	end
	self.jobs = nil
	for _, waiting in ipairs(jobs) do
		local mine = value
		if not trouble and self.names then
			mine = value[waiting.name]
		end
		if trouble or mine == nil then
			core.done(waiting.job, false, nil, trouble or "read returned no value for it")
		else
			core.done(waiting.job, true, mine)
		end
	end
end

-- Most values are sent as they are: of a sensor that is well, with nobody waiting for an answer.
-- -> done?
local function passes(self, value)
	local point = self.plain
	if not point or self.bad or self.jobs or self.fails > 0 or point.rules then
		return false
	end
	local why, durable = core.push(point.handle, value)
	if durable then
		core.sync()
	end
	return why == nil
end

local function conclude(self, wanted, ok, value, why)
	if ok and wanted and value ~= nil and passes(self, value) then
		return
	end
	local trouble, sync
	if not ok then
		trouble = tostring(value)
	elseif value == nil then
		trouble = why and tostring(why) or "read returned nothing"
	else
		trouble = values_of(self, value)
	end
	if not trouble and wanted then
		if self.names then
			trouble, sync = push_all(self, value)
		else
			trouble, sync = points.take(self.points[1], value, nil, self.period)
		end
	end
	if sync then
		core.sync()
	end
	if trouble and wanted then
		backoff(self, trouble)
	elseif not trouble and self.fails > 0 then
		self.fails, self.skip = 0, 0
		plan(self)
	end
	quality(self, trouble)
	answer(self, trouble, value)
end

-- Whatever ends a run: the next one can begin.
local run_meta = {
	__close = function(self)
		self.running = false
		answer(self, "the handler was ended")
	end,
}

-- Reads once, never twice at a time; `wanted`: the value is pushed.
local function run(self, wanted)
	local _ <close> = self
	self.running = true
	conclude(self, wanted, core.guarded(self.timeout, self.read))
end

local function tick(self)
	if self.skip > 0 then
		self.skip = self.skip - 1
		plan(self)
	elseif not self.running then
		run(self, true)
	end
end

-- A read task, for `name` in a group: a run that is under way answers it, or one of its own.
function sensor.job(self, job, name)
	self.jobs = self.jobs or {}
	table.insert(self.jobs, { job = job, name = name })
	if not self.running then
		run(self, false)
	end
end

-- Samples of one second have one time then, and no order.
local function check_period(self)
	if not core.whole_seconds or self.period >= 1000 then
		return
	end
	for _, point in pairs(self.points) do
		if points.gap(point) < 1000 then
			core.caution(("%s: read every %s, but its samples are sent with whole seconds"
				.. " (payload.timestamps in neap.yaml): several have the same time")
				:format(self.what, core.duration_text(self.period)))
			return
		end
	end
end

-- what: its name in messages. list: of a variable, its point at 1; of a group, the points by name,
-- and the list of names.
function sensor.new(what, options, list, names)
	local read = options.read
	if rawget(core, "invented") then
		read = import("invent")(what, read, list, names)
	end
	local point = list[1]
	local self = setmetatable({
		what = what, read = read, timeout = options.timeout, points = list,
		names = names, fails = 0, skip = 0, running = false,
		plain = point and not point.report and not point.window and point, -- sent as it is read
		jobs = nil, -- a list while read tasks wait for this run
	}, run_meta)
	carry.add("sensor", what, self)
	if options.every then
		self.ticker = period.ticker(what, options.every, true, function()
			return tick(self)
		end, function(ms)
			self.period = ms
		end)
		check_period(self)
		plan(self)
	end
	return self
end

return sensor
