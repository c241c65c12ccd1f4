-- What examples/modbus-meter.lua reads from a meter, and writes to it.
local t = require "test"

local registers = { [10] = 2304, [11] = 150, [19] = 0xffff, [20] = 0xff00, [21] = 1, [22] = 0,
	[40] = 15 }

t.modbus("/dev/ttyUSB0", { [1] = { holding = registers } })

t.case("registers become values", function()
	t.start()
	t.near(t.last("meter.voltage"), 230.4, 1e-9)
	t.near(t.last("meter.current"), 1.5, 1e-9)
	t.equal(t.last("meter.power"), -256)
	t.near(t.last("meter.energy"), 65.536, 1e-9)
	t.quiet()
end)

t.case("the setting lives in the meter", function()
	t.equal(t.task.read("meter.interval").value, 15)
	t.accepted(t.task.write("meter.interval", 30))
	t.equal(registers[40], 30)
	t.refused(t.task.write("meter.interval", 90), "above its maximum 60")
end)

t.case("a meter that is silent", function()
	t.modbus("/dev/ttyUSB0", { [1] = false })
	t.advance("10m")
	t.ok(t.bad("meter.power"))
	t.equal(t.count("meter.power"), 0)
	t.refused(t.task.write("meter.interval", 30), "does not answer")
end)

t.case("by TCP", { params = { host = "10.0.0.7:1502" } }, function()
	t.modbus("10.0.0.7:1502", { [1] = { holding = registers } })
	t.start()
	t.equal(t.last("meter.power"), -256)
end)
