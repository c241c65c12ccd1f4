-- cron(times, [name,] run[, {zone=, jitter=}]): a function that runs by the calendar.
local core, import = ...
local carry = import("carry")
local check = import("check")

local LOOK = 3600000 -- ms: the clock is looked at again at least so often
local LATE = 3600 -- s: what a jump of the clock left out by less runs late
local BACK = 3 * 3600 -- s: a clock that goes back by less repeats nothing; by more, it was wrong

local kinds = check.kinds("neap.cron_options", { zone = "string = local", jitter = "duration" })

-- now() has whole ms.
local function ms(seconds)
	return math.max(1, math.floor(seconds * 1000 + 0.5))
end

-- next and last: the times of the calendar; runs: when the function does, on the monotonic clock.
carry.kind("cron", { "next", "last", "runs" }, function(self)
	if self.runs then
		core.arm(self.runner, math.max(0, self.runs - core.mono()))
	end
end)

-- due(), each time that the calendar names, as long as the clock is set.
local function follow(self, what, calendar, due)
	local alarm
	local function look()
		if not core.clock_set() then
			return -- on "clock" calls again
		end
		local now = core.now()
		if self.next and now >= self.next and now - self.next < LATE then
			due()
			self.last = self.next
		end
		local again = self.last and now < self.last and self.last - now < BACK
		self.next = core.cron_next(calendar, again and self.last or now)
		core.arm(alarm, self.next and math.min(LOOK, ms(self.next - now)))
	end
	alarm = core.ticker(what, 0, 0, look)
	core.on("clock", look)
end

return function(times, name, run, options)
	check.argument("cron", 1, times, "string")
	if type(name) == "function" then
		name, run, options = nil, name, run
	else
		check.argument("cron", 2, name, "string")
	end
	local what = name and ('cron "%s"'):format(name) or ("cron at %s"):format(core.where())
	if type(run) ~= "function" then
		core.fail("%s: the argument after its name must be a function", what)
	end
	options = check.fields(what, options, kinds)
	local calendar, why = core.cron(times, options.zone)
	if not calendar then
		core.fail('%s: "%s": %s', what, times, why)
	end
	local self = {}
	self.runner = core.ticker(what .. ": ", 0, -1, function()
		self.runs = nil
		run()
	end)
	follow(self, what .. ": ", calendar, function()
		local wait = options.jitter and math.random(0, options.jitter) or 0
		self.runs = core.mono() + wait
		core.arm(self.runner, wait)
	end)
	carry.add("cron", ("%s %s %s"):format(what, times, options.zone), self)
end
