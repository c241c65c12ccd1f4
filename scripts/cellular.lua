-- What a cellular modem says of its network: signal, registration, operator, technology, and
-- whether there is a SIM. It is asked by AT commands (3GPP TS 27.007) on a serial port that nothing
-- else uses; most modems have several.

local cfg = params { port = "/dev/ttyUSB2", speed = 115200, period = "1m", timeout = "5s" }

local modem = serial.open { port = cfg.port, speed = cfg.speed, timeout = cfg.timeout }

policy("cellular", { flush = "5m", priority = "low", limit = "1MB" })

local cellular = asset("cellular", { label = "Cellular modem" })

local LINES_MAX = 50

-- A modem repeats the command, unless its echo is off, and says things that nobody asked for at any
-- time: what matches no pattern is passed over. An OK before the answer is that of a command
-- before, which came too late. Gives what the pattern captures, or "" if no answer but OK is due.
local function ask(command, pattern)
	local found = not pattern and { "" } or nil
	local line = modem:transact(command .. "\r", { ends = "\n" })
	for _ = 1, LINES_MAX do
		line = line:match("^%s*(.-)%s*$")
		if line == "OK" and found then
			return table.unpack(found)
		elseif line == "ERROR" or line:find("^%+CM[ES] ERROR") then
			error(("%s: the modem answers %s to %s"):format(cfg.port, line, command), 0)
		elseif pattern and line:find(pattern) then
			found = { line:match(pattern) }
		end
		line = modem:read { ends = "\n" }
	end
	error(("%s: the modem talks without end, and gives no answer to %s"):format(cfg.port, command), 0)
end

-- "ready", "SIM PIN" and the like, "busy", or "none".
local function sim()
	local state, why = try(ask, "AT+CPIN?", "^%+CPIN: (.+)$")
	if state then
		return state == "READY" and "ready" or state
	elseif why:find("ERROR") then
		return why:find("ERROR: 14") and "busy" or "none" -- most have numbers for it
	end
	error(why, 0)
end

-- 0 to 31: from -113 dBm up in steps of 2; 99: not known. 100 and up, in steps of 1, are those of
-- TD-SCDMA and LTE, from -116 dBm.
local function signal()
	local rssi = tonumber((ask("AT+CSQ", "^%+CSQ: (%d+),%d+$")))
	if rssi <= 31 then
		return -113 + 2 * rssi
	elseif rssi >= 100 and rssi <= 191 then
		return -116 + rssi - 100
	end
end

local registrations = {
	["0"] = "not searching", ["1"] = "home", ["2"] = "searching", ["3"] = "denied",
	["4"] = "unknown", ["5"] = "roaming",
}

-- The networks have commands of their own: CEREG is that of LTE, CREG that of GSM and UMTS. The
-- answer has two numbers; a line with one is an event that the modem tells by itself.
local function registration()
	local gsm = registrations[(ask("AT+CREG?", "^%+CREG: %d,(%d)"))]
	if gsm == "home" or gsm == "roaming" then
		return gsm
	end
	local lte = try(ask, "AT+CEREG?", "^%+CEREG: %d,(%d)")
	return registrations[lte] or gsm or "unknown"
end

local technologies = {
	["0"] = "GSM", ["1"] = "GSM", ["2"] = "UMTS", ["3"] = "EDGE", ["4"] = "HSDPA", ["5"] = "HSUPA",
	["6"] = "HSPA", ["7"] = "LTE", ["8"] = "EC-GSM", ["9"] = "NB-IoT", ["10"] = "LTE", ["11"] = "5G",
	["12"] = "5G", ["13"] = "LTE",
}

-- Nothing while there is no operator.
local function operator()
	try(ask, "AT+COPS=3,0") -- names, not numbers
	local rest = ask("AT+COPS?", "^%+COPS: %d(.*)$")
	local name, technology = rest:match('^,%d,"([^"]*)",?(%d*)')
	return name, technologies[technology]
end

cellular:group({
	every = cfg.period, timeout = "1m", policy = "cellular",
	variables = {
		sim = { label = "SIM", type = "string", report = { heartbeat = "1d" } },
		registration = { label = "Registration", type = "string", report = { heartbeat = "1d" } },
		operator = { label = "Operator", type = "string", report = { heartbeat = "1d" } },
		technology = { label = "Technology", type = "string", report = { heartbeat = "1d" } },
		signal = {
			label = "Signal", type = "int", unit = "dBm", report = { change = 2, heartbeat = "1h" },
		},
	},
	read = function()
		local values = { sim = sim(), signal = signal(), registration = registration() }
		values.operator, values.technology = operator()
		return values
	end,
})
