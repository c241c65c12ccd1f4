-- A machine with a temperature that it measures and a threshold that the server sets.
--
-- The temperature comes from a file, as the kernel gives it (millidegrees). A desk may have no such
-- sensor: then the value is simulated, and the log says so.

local cfg = params { sensor = "/sys/class/thermal/thermal_zone0/temp" }

local machine = asset("machine", { label = "My Machine" })

local threshold = machine:setting("threshold", {
	label = "Threshold", type = "int", unit = "Cel", default = 30, min = 0, max = 100,
	write = function(new, old)
		log.info("threshold:", old, "->", new)
	end,
})

local simulated = false

-- Moves gently around 23 degrees, once in ten minutes.
local function simulate()
	if not simulated then
		log.warn(cfg.sensor, "is not there: the temperature is simulated")
		simulated = true
	end
	return math.floor((23 + 2 * math.sin(now() * 2 * math.pi / 600)) * 10 + 0.5) / 10
end

local hot = false

machine:variable("temperature", {
	label = "Temperature", type = "double", unit = "Cel", every = "5s",
	read = function()
		local there = file.exists(cfg.sensor)
		local celsius = there and tonumber(file.read(cfg.sensor)) / 1000 or simulate()
		if (celsius > threshold:get()) ~= hot then
			hot = not hot
			log.info(celsius, hot and "is above" or "is below", "the threshold", threshold:get())
		end
		return celsius
	end,
})
