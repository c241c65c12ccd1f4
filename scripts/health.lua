-- How neap itself is: link, queues, losses, tasks, scripts, bytes, as variables of an asset of your
-- choice. neap.yaml says which: params: { health: { asset: gateway, every: 300 } }

local cfg = params {
	asset = "health",
	every = 300, -- seconds; the server may change it: the setting ASSET.period
}

policy("health", { flush = "5m", priority = "low", limit = "256KB" })

local health = asset(cfg.asset, { label = "neap" })

local period = health:setting("period", {
	label = "Period of neap's reports on itself", type = "int", unit = "s", default = cfg.every,
	min = 10, max = 86400,
})

-- Counters go on over 2^31: doubles.
local variables = {
	uptime = { label = "Time since the agent's start", type = "int", unit = "s" },
	memory = { label = "Memory of the agent", unit = "By" },
	["link.losses"] = { label = "Times the link went down", type = "int" },
	["link.since"] = { label = "Time since the link came up", type = "int", unit = "s" },
	["queue.waiting"] = { label = "Samples that wait", type = "int" },
	["queue.oldest"] = { label = "Age of the oldest", type = "int", unit = "s" },
	["queue.bytes"] = { label = "Bytes of the queues", unit = "By" },
	["queue.lost"] = { label = "Samples lost, ever", type = "int" },
	["tasks.done"] = { label = "Tasks done", type = "int" },
	["tasks.failed"] = { label = "Tasks failed or refused", type = "int" },
	["scripts.failed"] = { label = "Scripts that do not run", type = "int" },
	["scripts.errors"] = { label = "Errors of handlers", type = "int" },
	["sensors.bad"] = { label = "Sensors whose read fails", type = "int" },
	["bytes.sent.day"] = { label = "Bytes sent this day", unit = "By" },
	["bytes.received.day"] = { label = "Bytes received this day", unit = "By" },
	["bytes.sent.month"] = { label = "Bytes sent this month", unit = "By" },
	["bytes.received.month"] = { label = "Bytes received this month", unit = "By" },
	["bytes.flash.day"] = { label = "Bytes written to flash this day", unit = "By" },
}

local function add_queues(values, status)
	local waiting, bytes, lost, oldest = 0, 0, 0, nil
	for _, one in ipairs(status.policies) do
		waiting = waiting + one.waiting
		bytes = bytes + one.bytes
		for _, count in pairs(one.lost) do
			lost = lost + count
		end
		if one.oldest_wall_ms and (not oldest or one.oldest_wall_ms < oldest) then
			oldest = one.oldest_wall_ms
		end
	end
	values["queue.waiting"] = waiting
	values["queue.bytes"] = bytes
	values["queue.lost"] = lost
	if status.clock.set then
		local age = oldest and (status.clock.wall_ms - oldest) // 1000 or 0
		values["queue.oldest"] = math.max(0, age)
	end
end

local function add_scripts(values, status)
	local failed, errors, bad = 0, 0, 0
	for _, one in ipairs(status.scripts) do
		failed = failed + ((one.state == "failed" or one.state == "set aside") and 1 or 0)
		errors = errors + one.errors
		bad = bad + #one.bad
	end
	values["scripts.failed"] = failed
	values["scripts.errors"] = errors
	values["sensors.bad"] = bad
end

local function add_usage(values, usage)
	for _, span in ipairs({ "day", "month" }) do
		local bytes = usage[span]
		if bytes then
			values["bytes.sent." .. span] = bytes.out
			values["bytes.received." .. span] = bytes["in"]
		end
	end
	values["bytes.flash.day"] = usage.day and usage.day.flash
end

health:group({
	every = period, policy = "health", variables = variables,
	read = function()
		local status = agent.status()
		local link = status.link
		local values = {
			uptime = status.uptime_s // 1,
			memory = status.process.memory,
			["link.losses"] = link.losses,
			["link.since"] = link.state == "connected" and link.since_s // 1 or nil,
			["tasks.done"] = status.tasks.done,
			["tasks.failed"] = status.tasks.failed + status.tasks.refused,
		}
		add_queues(values, status)
		add_scripts(values, status)
		add_usage(values, status.usage)
		return values
	end,
})
