-- udp.open{host=, port=} sends to a peer and receives from it; udp.open{listen=, address=} receives
-- from anybody.
local core, import = ...
local check = import("check")
local net = import("net")

local kinds = check.kinds("neap.udp_options", {
	host = "string", port = "integer", listen = "integer", address = "string",
	timeout = "duration = 10s",
})
local receive_kinds = check.kinds("neap.receive_options", { timeout = "duration" })

-- What scripts hold -> handle, name, timeout, port (where it listens; nil: it has a peer).
local own = setmetatable({}, { __mode = "k" })
local methods = {}

function methods.send(object, text, address, port)
	local self = own[object]
	check.argument("udp:send", 1, text, "string")
	if self.port then
		check.argument("udp:send", 2, address, "string")
		check.whole("udp:send: argument 3, the port,", port, 1, 65535)
	elseif address ~= nil then
		core.fail("udp:send: the socket has a peer, %s: it takes no other address", self.name)
	end
	core.udp.send(self.handle, text, address, port)
end

function methods.receive(object, options)
	local self = own[object]
	options = check.fields("udp:receive", options, receive_kinds)
	return core.udp.receive(self.handle, options.timeout or self.timeout)
end

function methods.port(object)
	return own[object].port
end

function methods.close(object)
	core.udp.close(own[object].handle)
end

local meta = check.object("neap.socket", methods, function(object)
	return "the socket " .. own[object].name
end)
meta.__close = methods.close

local function open(options)
	local self = { timeout = options.timeout }
	if options.listen then
		local address = options.address or "127.0.0.1"
		check.whole("udp.open: listen", options.listen, 0, 65535)
		self.name = ("%s:%d"):format(address, options.listen)
		self.handle, self.port = core.udp.bind(self.name, address, options.listen)
	else
		self.name = net.name("udp.open", options.host, options.port)
		self.handle = core.udp.connect(self.name, options.host, options.port, self.timeout)
	end
	return self
end

return check.closed("udp", {
	open = function(options)
		options = check.fields("udp.open", options, kinds)
		if options.listen and (options.host or options.port) then
			core.fail("udp.open: either host and port, or listen")
		elseif options.address and not options.listen then
			core.fail("udp.open: address is for listen")
		end
		local object = setmetatable({}, meta)
		own[object] = open(options)
		return object
	end,
})
