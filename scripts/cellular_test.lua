-- What scripts/cellular.lua asks a modem, and what it makes of the answers.
local t = require "test"

local PORT = "/dev/ttyUSB2"

-- A modem on a good day, with the echo on; `other` changes answers, by command.
local function modem(other)
	local answers = {
		["AT+CPIN?"] = "\r\n+CPIN: READY\r\n\r\nOK\r\n",
		["AT+CSQ"] = "\r\n+CSQ: 20,99\r\n\r\nOK\r\n",
		["AT+CREG?"] = "\r\n+CREG: 0,1\r\n\r\nOK\r\n",
		["AT+CEREG?"] = "\r\n+CEREG: 0,1\r\n\r\nOK\r\n",
		["AT+COPS=3,0"] = "\r\nOK\r\n",
		["AT+COPS?"] = '\r\n+COPS: 0,0,"Example Mobile",7\r\n\r\nOK\r\n',
	}
	for command, answer in pairs(other or {}) do
		answers[command] = answer
	end
	t.serial(PORT, function(text)
		local answer = answers[text:match("^[^\r]*")]
		return answer and text .. "\n" .. answer
	end)
end

modem()

t.case("a modem on a good day", function()
	t.start()
	t.equal(t.last("cellular.sim"), "ready")
	t.equal(t.last("cellular.signal"), -73)
	t.equal(t.last("cellular.registration"), "home")
	t.equal(t.last("cellular.operator"), "Example Mobile")
	t.equal(t.last("cellular.technology"), "LTE")
	t.quiet()
end)

t.case("what does not change is not sent", function()
	t.advance("50m")
	t.equal(t.count(), { ["cellular.sim"] = 1, ["cellular.signal"] = 1, ["cellular.registration"] = 1,
		["cellular.operator"] = 1, ["cellular.technology"] = 1 })
	modem { ["AT+CSQ"] = "\r\n+CSQ: 12,99\r\n\r\nOK\r\n" }
	t.advance("1m")
	t.equal(t.values("cellular.signal"), { -73, -89 })
end)

t.case("lines that nobody asked for", function()
	modem {
		["AT+CSQ"] = "\r\nRING\r\n\r\n+CREG: 5\r\n\r\n+CSQ: 10,0\r\n\r\n^RSSI: 3\r\n\r\nOK\r\n",
		["AT+CREG?"] = "\r\n+CREG: 2\r\n\r\n+CREG: 2,5,\"1A2B\",\"00C3\",7\r\n\r\nOK\r\n",
	}
	t.start()
	t.equal(t.last("cellular.signal"), -93)
	t.equal(t.last("cellular.registration"), "roaming")
end)

t.case("no SIM", function()
	modem {
		["AT+CPIN?"] = "\r\n+CME ERROR: 10\r\n",
		["AT+CSQ"] = "\r\n+CSQ: 99,99\r\n\r\nOK\r\n",
		["AT+CREG?"] = "\r\n+CREG: 0,0\r\n\r\nOK\r\n",
		["AT+CEREG?"] = "\r\n+CME ERROR: 10\r\n",
		["AT+COPS?"] = "\r\n+COPS: 0\r\n\r\nOK\r\n",
	}
	t.start()
	t.equal(t.last("cellular.sim"), "none")
	t.equal(t.last("cellular.registration"), "not searching")
	t.equal(t.count("cellular.signal"), 0)
	t.equal(t.count("cellular.operator"), 0)
	t.quiet()
end)

t.case("registered with LTE alone", function()
	modem {
		["AT+CREG?"] = "\r\n+CREG: 0,0\r\n\r\nOK\r\n",
		["AT+CEREG?"] = "\r\n+CEREG: 0,5\r\n\r\nOK\r\n",
	}
	t.start()
	t.equal(t.last("cellular.registration"), "roaming")
end)

t.case("a modem that is silent is told once, and asked again", function()
	t.serial(PORT, {})
	t.advance("10m")
	t.ok(t.bad("cellular.signal"))
	t.logged("no answer in 5000 ms")
	modem()
	t.advance("11m")
	t.equal(t.last("cellular.signal"), -73)
end)

t.case("an answer that came too late is not that of the next command", function()
	modem { ["AT+CSQ"] = "\r\nOK\r\n\r\n+CSQ: 15,99\r\n\r\nOK\r\n" }
	t.start()
	t.equal(t.last("cellular.signal"), -83)
end)

t.case("a modem that never stops talking", function()
	modem { ["AT+CSQ"] = ("\r\n+BLAH\r\n"):rep(1000) }
	t.start()
	t.logged("talks without end")
end)
