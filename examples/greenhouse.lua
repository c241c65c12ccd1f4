-- A greenhouse: climate, a vent that opens by itself, water in the morning, and an alarm of frost.
--
-- The climate comes from a sensor that the kernel knows (SHT3x and others: temp1_input and
-- humidity1_input in thousandths); vent and valve are relays, which boards show as LEDs.

local cfg = params {
	sensor = "/sys/class/hwmon/hwmon0",
	vent = "/sys/class/leds/vent/brightness",
	valve = "/sys/class/leds/valve/brightness",
}

policy("climate", { flush = "5m", jitter = "30s", limit = "2MB", full = "thin" })
policy("alarm", { flush = "now", priority = "high", durable = true, limit = "64KB" })

local house = asset("greenhouse", { label = "Greenhouse" })

-- --- climate: both from one read, with one time ---

local function thousandths(name)
	return tonumber(file.read(cfg.sensor .. "/" .. name)) / 1000
end

house:group({
	every = "10s", policy = "climate",
	variables = {
		temperature = { label = "Temperature", unit = "Cel",
			report = { change = 0.2, heartbeat = "15m" } },
		humidity = { label = "Humidity", unit = "%", report = { change = 2, heartbeat = "15m" } },
	},
	read = function()
		return { temperature = thousandths("temp1_input"), humidity = thousandths("humidity1_input") }
	end,
})

-- --- the vent: open when it is warm, shut when it is 3 degrees cooler ---

local warm = house:setting("warm", { label = "Vent opens at", unit = "Cel", default = 28, min = 10,
	max = 45 })

house:variable("vent", { label = "Vent is open", type = "boolean" })

local function set_vent(open)
	file.write(cfg.vent, open and "1" or "0")
	house:push("vent", open)
end

rule { name = "vent", variable = "greenhouse.temperature", above = warm, hysteresis = 3,
	hold = "30s",
	raise = function() set_vent(true) end,
	clear = function() set_vent(false) end,
}

-- Who knows how the end before left them. A reload waits for what runs.
on("start", function(reason)
	file.write(cfg.valve, "0")
	if reason ~= "reload" then
		set_vent(false)
	end
end)

-- --- frost ---

house:variable("frost", { label = "Frost", type = "boolean", policy = "alarm" })

rule { name = "frost", variable = "greenhouse.temperature", below = 2, hysteresis = 1,
	raise = function() house:push("frost", true) end,
	clear = function() house:push("frost", false) end,
}

-- --- water: in the morning, by the device's own time, and when somebody says so ---

local kept = state { minutes = 0 } -- of water, since the beginning

local minutes = house:setting("minutes", { label = "Minutes of water", type = "int", default = 5,
	min = 0, max = 60 })

house:variable("watered", { label = "Water so far", unit = "min" })

local watering = false

local function water(time)
	if watering then
		error("it is watered already", 0)
	end
	local _ <close> = setmetatable({}, { __close = function() watering = false end })
	watering = true
	file.write(cfg.valve, "1")
	sleep(time * 60)
	file.write(cfg.valve, "0")
	kept.minutes = kept.minutes + time
	house:push("watered", kept.minutes)
end

cron("0 6 * * *", "water", function()
	water(minutes:get())
end, { jitter = "10m" })

house:command("water", {
	label = "Water now", timeout = "2h", ttl = "5m",
	params = { minutes = { type = "int", default = 5, min = 1, max = 60 } },
	run = function(p) water(p.minutes) end,
})
