-- An energy meter on Modbus: a map of its registers, and a setting that lives in the meter.
--
-- Registers are named by their place in the meter's manual, counted from 0 ("40020" there is
-- holding register 19 here). Neighbours are read in one query. The numbers are of no real meter.

local cfg = params { port = "/dev/ttyUSB0", speed = 9600, parity = "none", unit = 1, host = "" }

-- On a serial line (RTU), or, if neap.yaml gives a host, by TCP. Other scripts may open the same
-- port with the same parameters and share it.
local bus = cfg.host ~= "" and modbus.tcp { host = cfg.host:match("^[^:]+"),
		port = tonumber(cfg.host:match(":(%d+)$")) }
	or modbus.rtu { port = cfg.port, speed = cfg.speed, parity = cfg.parity }

policy("energy", { flush = "5m", limit = "2MB" })

local meter = asset("meter", { label = "Energy meter" })

-- A meter that does not answer makes these variables bad: the log says so once, nothing is sent,
-- and it is asked ever more seldom until it is back.
meter:modbus {
	bus = bus, unit = cfg.unit, every = "10s", policy = "energy",
	variables = {
		voltage = { reg = 10, scale = 0.1, unit = "V", report = { change = 1, heartbeat = "10m" } },
		current = { reg = 11, scale = 0.01, unit = "A" },
		power = { reg = 19, as = "s32", unit = "W" }, -- two registers, the high one first
		energy = { reg = 21, as = "u32", scale = 0.001, unit = "kWh" },
	},
}

-- What the server sets is written to the meter, and read back from it: that is what counts.
meter:setting("interval", {
	label = "Interval of the mean values", type = "int", unit = "min", min = 1, max = 60,
	read = function()
		return bus:holding(cfg.unit, 40)[1]
	end,
	write = function(new)
		bus:write_register(cfg.unit, 40, new)
	end,
})
