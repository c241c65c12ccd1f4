-- What scripts/system.lua reports of a device, and what it leaves out.
local t = require "test"

t.file("/proc/loadavg", "0.42 0.30 0.25 1/123 4567\n")
t.file("/proc/meminfo", "MemTotal: 123456 kB\nMemFree: 5000 kB\nMemAvailable: 65432 kB\n")
t.file("/sys/class/thermal/thermal_zone0/temp", "48500\n")

t.case("what there is is reported every minute", function()
	t.advance("1h")
	t.equal(t.last("system.load"), 0.42)
	t.equal(t.last("system.uptime"), 3600)
	t.equal(t.last("system.memory.total"), 123456)
	t.equal(t.last("system.memory.available"), 65432)
	t.equal(t.last("system.temperature"), 48.5)
	t.equal(t.count("system.load"), 61)
	t.quiet()
end)

t.case("what there is not is not reported", function()
	t.file("/sys/class/thermal/thermal_zone0/temp", false)
	t.advance("1h")
	t.equal(t.last("system.temperature"), nil)
	t.quiet()
end)

t.case("the server changes the period, and it is followed", function()
	t.accepted(t.task.write("system.period", 10))
	t.forget()
	t.advance("1m")
	t.equal(t.count("system.load"), 6)
end)

local other = { params = { thermal = "/sys/class/thermal/thermal_zone1/temp" } }

t.case("another thermal zone, by neap.yaml", other, function()
	t.file("/sys/class/thermal/thermal_zone1/temp", "51000\n")
	t.start()
	t.equal(t.last("system.temperature"), 51)
end)
