-- What the server can start: commands with parameters, one that takes long, one that may be done
-- again.
--
-- Parameters arrive with the type that is declared, within their limits and with their defaults;
-- what does not fit never comes this far. A command refuses by error() or by nil, "why".

local gate = asset("gate", { label = "Gate" })
gate:variable("position", { label = "Position", type = "int", unit = "%" })

local position = 0

-- An order that is older than a minute is refused: nobody expects the gate to move any more. If
-- the power fails while it moves, the command is not run again: it is answered as interrupted.
gate:command("move", {
	label = "Move", ttl = "1m", timeout = "30s",
	params = {
		to = { type = "int", min = 0, max = 100, label = "Position to go to" },
		slowly = { type = "boolean", default = false },
	},
	run = function(p)
		if p.to == position then
			return nil, ("it is at %d %% already"):format(position)
		end
		while position ~= p.to do
			position = position + (p.to > position and 1 or -1)
			sleep(p.slowly and "100ms" or "10ms")
		end
		gate:push("position", position)
	end,
})

-- Commands of one asset run one after the other. These may run beside each other, and after a
-- crash once more: they only look.
local survey = asset("survey", { label = "Survey", parallel = true })
survey:variable("uptime", { label = "Uptime", unit = "s" })

survey:command("look", {
	repeatable = true,
	run = function()
		survey:push("uptime", uptime())
	end,
})

on("connected", function()
	gate:push("position", position)
end)
