-- What examples/counter.lua does: pulses, means and the leak.
local t = require "test"

local function pulses(count)
	t.accepted(t.task.command("water.pulse", { count = count }))
end

t.case("pulses are cubic metres", function()
	t.advance("30s")
	pulses(123)
	t.advance("30s")
	t.equal(t.values("water.volume"), { 0, 1.23 })
	t.advance("1h")
	t.equal(t.values("water.volume"), { 0, 1.23, 1.23 }) -- the heartbeat
end)

t.case("five minutes have a mean and a maximum", function()
	for _ = 1, 30 do
		t.advance("10s")
		pulses(1)
	end
	t.advance("5m")
	t.near(t.last("water.flow.max"), 60, 0.001)
	t.equal(t.count("water.flow.mean"), 2)
	t.near(t.values("water.flow.mean")[1], 60 * 29 / 30, 3)
end)

t.case("water that flows for two hours is a leak", function()
	for _ = 1, 60 * 3 do
		pulses(1)
		t.advance("1m")
	end
	t.equal(t.values("water.leak"), { true })
	t.advance("10m")
	t.equal(t.values("water.leak"), { true, false })
end)

t.case("an exchanged meter is set", function()
	t.accepted(t.task.command("water.set", { volume = 4711.5 }))
	t.advance("1m")
	t.equal(t.last("water.volume"), 4711.5)
end)

t.case("the count outlives a reload", function()
	pulses(5)
	t.advance("1m")
	t.reload()
	pulses(1)
	t.advance("1m")
	t.equal(t.last("water.volume"), 0.06)
end)

t.case("a digital input", { params = { input = "DI2" } }, function()
	t.gpio("DI2", false)
	t.start()
	for _ = 1, 7 do
		t.gpio("DI2", true)
		t.gpio("DI2", false)
	end
	t.advance("1m")
	t.equal(t.last("water.volume"), 0.07)
end)
