-- How the device itself is: load, memory, uptime, temperature. A temperature that a device cannot
-- measure is not reported. network.lua has its traffic, health.lua the agent's own state.

local cfg = params { thermal = "/sys/class/thermal/thermal_zone0/temp" }

policy("system", { flush = "5m", priority = "low", limit = "1MB" })

local system = asset("system", { label = "System" })

local period = system:setting("period", {
	label = "Period of the measurements", type = "int", unit = "s", default = 60,
	min = 1, max = 86400,
})

system:variable("load", {
	label = "Load, mean of a minute", every = period, policy = "system",
	read = function() return tonumber(file.read("/proc/loadavg"):match("^%S+")) end,
})

system:variable("uptime", {
	label = "Time since the start", type = "int", unit = "s", every = period, policy = "system",
	read = function() return math.floor(uptime()) end,
})

system:group({
	every = period, policy = "system",
	variables = {
		["memory.total"] = { label = "Memory", type = "int", unit = "kB" },
		["memory.available"] = { label = "Memory left for programs", type = "int", unit = "kB" },
	},
	read = function()
		local text = file.read("/proc/meminfo")
		return {
			["memory.total"] = tonumber(text:match("MemTotal:%s+(%d+)")),
			["memory.available"] = tonumber(text:match("MemAvailable:%s+(%d+)")),
		}
	end,
})

system:group({
	every = period, policy = "system",
	variables = { temperature = { label = "Temperature of the processor", unit = "Cel" } },
	read = function()
		local there = file.exists(cfg.thermal)
		return { temperature = there and tonumber(file.read(cfg.thermal)) / 1000 or nil }
	end,
})
