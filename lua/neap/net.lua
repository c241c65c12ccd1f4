-- What tcp and udp have in common.
local core, import = ...
local check = import("check")
local net = {}

-- Checks both and gives "host:port", for messages.
function net.name(what, host, port)
	if type(host) ~= "string" or #host > 253 or not host:find("^[%w%.:%%_-]+$") then
		core.fail("%s: it needs host, a name or an address", what)
	end
	check.whole(what .. ": port", port, 1, 65535)
	return (host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(host, port)
end

return net
