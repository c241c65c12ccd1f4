-- What scripts/health.lua makes of the agent's status.
local t = require "test"

local status = {
	uptime_s = 3600.5,
	link = { state = "connected", since_s = 1800.2, losses = 2 },
	clock = { set = true, wall_ms = 1767225600000 },
	process = { memory = 5000000 },
	tasks = { done = 7, failed = 1, refused = 2 },
	policies = {
		{ waiting = 5, bytes = 400, oldest_wall_ms = 1767225540000, lost = { drop_oldest = 3 } },
		{ waiting = 1, bytes = 100, lost = { damaged = 1, memory = 1 } },
	},
	scripts = {
		{ state = "running", errors = 2, bad = { "a.x", "a.y" } },
		{ state = "failed", errors = 0, bad = {} },
	},
	usage = { day = { out = 10000, ["in"] = 2000, flash = 4096 }, month = { out = 3e9, ["in"] = 1 } },
}

t.case("what the status says is reported", function()
	t.status(status)
	t.start()
	t.equal(t.last("health.uptime"), 3600)
	t.equal(t.last("health.memory"), 5000000)
	t.equal(t.last("health.link.losses"), 2)
	t.equal(t.last("health.link.since"), 1800)
	t.equal(t.last("health.queue.waiting"), 6)
	t.equal(t.last("health.queue.bytes"), 500)
	t.equal(t.last("health.queue.oldest"), 60)
	t.equal(t.last("health.queue.lost"), 5)
	t.equal(t.last("health.tasks.done"), 7)
	t.equal(t.last("health.tasks.failed"), 3)
	t.equal(t.last("health.scripts.failed"), 1)
	t.equal(t.last("health.scripts.errors"), 2)
	t.equal(t.last("health.sensors.bad"), 2)
	t.equal(t.last("health.bytes.sent.day"), 10000)
	t.equal(t.last("health.bytes.received.day"), 2000)
	t.equal(t.last("health.bytes.sent.month"), 3e9)
	t.equal(t.last("health.bytes.flash.day"), 4096)
	t.quiet()
end)

t.case("what is not known is left out", function()
	status.link.state, status.clock.set, status.usage = "waiting", false, {}
	t.status(status)
	t.start()
	t.equal(t.last("health.link.since"), nil)
	t.equal(t.last("health.queue.oldest"), nil)
	t.equal(t.count("health.bytes.sent.day"), 0)
	t.quiet()
end)

local params = { asset = "gateway", every = 60 }

t.case("an asset and a period of one's own", { params = params }, function()
	t.status(status)
	t.advance("10m")
	t.equal(t.count("gateway.uptime"), 11)
	t.accepted(t.task.write("gateway.period", 300))
	t.forget()
	t.advance("1h")
	t.equal(t.count("gateway.uptime"), 12)
end)
