-- What examples/alarm.lua does: hysteresis, hold, and a limit that follows its setting.
local t = require "test"

local function load(value)
	t.file("/proc/loadavg", ("%.2f 0.50 0.40 1/100 1234\n"):format(value))
end

load(0.5)

t.case("the alarm is off at the start", function()
	t.equal(t.values("alarm.active"), { false })
	t.advance("1h")
	t.equal(t.count("alarm.load"), 7) -- unchanged: each 10 minutes
	t.quiet()
end)

t.case("a short peak raises nothing", function()
	load(9)
	t.advance("50s")
	load(1)
	t.advance("5m")
	t.equal(t.values("alarm.active"), { false })
end)

t.case("raised after a minute, cleared with hysteresis", function()
	load(4.2)
	t.advance("2m")
	t.equal(t.values("alarm.active"), { false, true })
	load(3.8)
	t.advance("1h")
	t.equal(t.last("alarm.active"), true)
	load(3.5)
	t.advance("10s")
	t.equal(t.values("alarm.active"), { false, true, false })
	t.logged("the load 3.5 is well again")
end)

t.case("a new limit counts at once", function()
	load(3)
	t.advance("10s")
	t.accepted(t.task.write("alarm.limit", 2))
	t.advance("1m")
	t.equal(t.last("alarm.active"), true)
end)

t.case("a reload knows that it is raised", function()
	load(8)
	t.advance("2m")
	t.reload()
	t.advance("1m")
	t.equal(t.values("alarm.active"), { false, true, true })
end)
