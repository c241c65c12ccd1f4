-- An alarm with hysteresis: told when a limit is passed for a minute, and when that is over.
--
-- What is measured here is the load of the device itself, so that it runs on any desk. The samples
-- of the load may wait for a full message; the alarm leaves at once, and survives a loss of power.

policy("alarm", { flush = "now", priority = "high", durable = true, limit = "64KB" })

local device = asset("alarm", { label = "Load alarm" })

local limit = device:setting("limit", { label = "Limit", default = 4, min = 0, max = 1000 })

device:variable("load", {
	label = "Load", every = "10s",
	read = function()
		return tonumber(file.read("/proc/loadavg"):match("^%S+"))
	end,
	report = { change = 0.1, heartbeat = "10m" }, -- a rule sees every value, sent or not
})

device:variable("active", { label = "Alarm", type = "boolean", policy = "alarm" })

-- Raised above the limit if that lasts for a minute; cleared when it is 0.5 below. The limit is a
-- setting: what the server writes counts at once.
local high = rule {
	name = "load", variable = "alarm.load", above = limit, hysteresis = 0.5, hold = "1m",
	raise = function(value)
		log.info("the load", value, "is above", limit:get())
		device:push("active", true)
	end,
	clear = function(value)
		log.info("the load", value, "is well again")
		device:push("active", false)
	end,
}

-- The server may have missed it: what holds is told at each start.
on("start", function()
	device:push("active", high:raised())
end)
