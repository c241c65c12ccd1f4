-- What examples/machine.lua does, on a clock of its own. neap test examples/machine_test.lua
local t = require "test"

local SENSOR = "/sys/class/thermal/thermal_zone0/temp"
t.file(SENSOR, "23200\n")

t.case("the temperature is measured every 5 seconds", function()
	t.advance("1m")
	t.equal(t.last("machine.temperature"), 23.2)
	t.equal(t.count("machine.temperature"), 13) -- at the start, and then 12 times
	t.quiet()
end)

t.case("the server sets the threshold", function()
	local outcome = t.accepted(t.task.write("machine.threshold", 25))
	t.equal(outcome.values, { ["machine.threshold"] = 25 })
	t.logged("threshold: 30 -> 25")
	t.equal(t.task.read("machine.threshold").value, 25)
end)

t.case("a threshold out of its limits is refused, and the old one stays", function()
	t.refused(t.task.write("machine.threshold", 101), "above its maximum 100")
	t.equal(t.task.read("machine.threshold").value, 30)
end)

t.case("crossing the threshold is logged once", function()
	t.advance("1m")
	t.file(SENSOR, "31000\n")
	t.advance("1m")
	t.logged("31.0 is above the threshold 30")
	t.file(SENSOR, "29000\n")
	t.advance("1m")
	t.logged("29.0 is below the threshold 30")
	t.equal(#t.log(), 2)
end)

t.case("a desk without a sensor has a simulated one", function()
	t.file(SENSOR, false)
	t.advance("1h")
	t.logged("the temperature is simulated")
	for _, value in ipairs(t.values("machine.temperature")) do
		t.near(value, 23, 2)
	end
end)

t.case("a week without a fault", function()
	t.advance("7d")
	t.equal(t.count("machine.temperature"), 7 * 24 * 3600 / 5 + 1)
	t.quiet()
end)
