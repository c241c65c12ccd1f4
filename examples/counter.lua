-- A water meter that gives pulses: what has flowed, what flows, and a leak.
--
-- The count goes on after a reload and a restart; a loss of power costs at most what flowed in the
-- last ten minutes. neap.yaml names the digital input (gpioinfo lists them). A desk has none: there
-- `neap task command water.pulse` is the meter.

local cfg = params { input = "", litres = 10 } -- of each pulse

local water = asset("water", { label = "Water" })

local volume = water:counter("volume", {
	label = "Volume", unit = "m3", gpio = cfg.input ~= "" and cfg.input or nil,
	debounce = cfg.input ~= "" and "20ms" or nil,
	scale = cfg.litres / 1000, every = "1m", save = "10m",
	report = { change = 0.001, heartbeat = "1h" },
})

-- Of the flow in litres a minute, measured each ten seconds, the server gets the mean and the
-- highest of five minutes: water.flow.mean and water.flow.max.
local before = volume:get()

water:variable("flow", {
	label = "Flow", unit = "L/min", every = "10s",
	report = { window = "5m", values = { "mean", "max" } },
	read = function()
		local now = volume:get()
		local flow = (now - before) * 1000 * 6
		before = now
		return flow
	end,
})

-- Nobody uses water for two hours without a break.
water:variable("leak", { label = "Leak", type = "boolean" })

rule {
	name = "leak", variable = "water.flow.mean", above = 0, hold = "2h",
	raise = function() water:push("leak", true) end,
	clear = function() water:push("leak", false) end,
}

water:command("pulse", {
	label = "Pulse", params = { count = { type = "int", default = 1, min = 1, max = 1000 } },
	run = function(p) volume:add(p.count) end,
})

-- After an exchange of the meter it shows something else.
water:command("set", {
	label = "Set the volume", params = { volume = { min = 0 } },
	run = function(p) volume:set(p.volume) end,
})
